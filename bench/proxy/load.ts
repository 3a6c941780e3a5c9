import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';

/** Somebody who serves the script, and how he is asked. */
export interface Served {
  name: string;
  connect: NetConnectOpts;
  path: string;
  headers: Readonly<Record<string, string>>;
}

const HEAD_END = '\r\n\r\n';
const CHUNKED_END = Buffer.from('\r\n0\r\n\r\n');
const DONE = Buffer.from('[DONE]');
/** More than the end of a stream takes. */
const TAIL = 64;
const NOTHING = Buffer.alloc(0);

/** A request as bytes. */
export function requestTo({ path, headers }: Served, body: string): Buffer {
  const head = Object.entries({
    host: 'upstream',
    'content-type': 'application/json',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head.join('')}\r\n${body}`);
}

/**
 * One kept connection that sends a request after the other. It reads of an answer only its head and
 * where it ends: the client must not be what is measured.
 */
export class Caller {
  readonly #socket: Socket;
  #call: PromiseWithResolvers<number> | null = null;
  /** Of the answer, until its head is read. */
  #head: Buffer = NOTHING;
  /** Bytes of it that are to come; `null`: until the chunk that ends it. */
  #left: number | null = 0;
  #stream = false;
  #tail: Buffer = NOTHING;
  #firstByteAt = 0;

  static async open({ connect: to }: Served): Promise<Caller> {
    const socket = connect(to);
    await once(socket, 'connect');
    return new Caller(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#call?.reject(error));
    socket.on('close', () => this.#call?.reject(new Error('the connection was closed')));
  }

  /**
   * Resolves at the end of the answer with the moment of its body's first byte. Throws on any status
   * but 200 and on a stream without its end.
   */
  call(request: Buffer): Promise<number> {
    this.#call = Promise.withResolvers<number>();
    this.#firstByteAt = 0;
    this.#socket.write(request);
    return this.#call.promise;
  }

  close(): void {
    this.#call = null;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#firstByteAt === 0) this.#readHead(Buffer.concat([this.#head, chunk]));
    else this.#readBody(chunk);
  }

  /** The head alone is not what anybody waits for: it is read when something of the body is there. */
  #readHead(bytes: Buffer): void {
    this.#head = bytes;
    const end = bytes.indexOf(HEAD_END);
    if (end === -1 || end + HEAD_END.length === bytes.length) return;
    this.#firstByteAt = performance.now();
    this.#head = NOTHING;
    const head = bytes.toString('latin1', 0, end).toLowerCase();
    if (!head.startsWith('http/1.1 200 ')) {
      this.#call?.reject(new Error(bytes.toString()));
      return;
    }
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    this.#left = length === undefined ? null : Number(length);
    this.#stream = head.includes('text/event-stream');
    this.#readBody(bytes.subarray(end + HEAD_END.length));
  }

  #readBody(bytes: Buffer): void {
    if (this.#left !== null) {
      this.#left -= bytes.length;
      if (this.#left === 0) this.#call?.resolve(this.#firstByteAt);
      return;
    }
    this.#tail = bytes.length >= TAIL ? bytes : Buffer.concat([this.#tail.subarray(-TAIL), bytes]);
    if (!this.#tail.subarray(-CHUNKED_END.length).equals(CHUNKED_END)) return;
    const complete = !this.#stream || this.#tail.subarray(-TAIL).includes(DONE);
    this.#tail = NOTHING;
    if (complete) this.#call?.resolve(this.#firstByteAt);
    else this.#call?.reject(new Error('a stream ended early'));
  }
}

/** Has every caller send request after request as long as `more` says; resolves with their number. */
export async function press(
  callers: readonly Caller[],
  request: Buffer,
  more: (sent: number) => boolean,
): Promise<number> {
  let sent = 0;
  await Promise.all(
    callers.map(async (caller) => {
      while (more(sent)) {
        sent += 1;
        await caller.call(request);
      }
    }),
  );
  return sent;
}
