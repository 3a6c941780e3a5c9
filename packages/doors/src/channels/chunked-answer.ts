import type { ServerResponse } from 'node:http';
import type { ModelReply } from '../upstreams/port.ts';

const CHUNK_END = '\r\n';
const LAST_END = '\r\n0\r\n\r\n';
/** Up to here what goes with a head goes into the same string, in bytes: one write of one piece. */
const ONE_PIECE_BYTES = 16 * 1024;

/**
 * An answer that is written as it comes, each chunk in one piece. `node:http` would make four of a
 * chunk and a call of its own of the end, so it is told, once it has written the head, that it need
 * not cut the body into chunks.
 */
export class ChunkedAnswer {
  readonly #reply: Pick<ModelReply, 'status' | 'headers'>;
  readonly #response: ServerResponse;
  #begun = false;
  /** Whether the client takes chunks; one of HTTP/1.0 reads until its connection ends. */
  #chunked = false;
  #headSent = false;

  constructor(reply: Pick<ModelReply, 'status' | 'headers'>, response: ServerResponse) {
    this.#reply = reply;
    this.#response = response;
  }

  /** Whether the head is on its way. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Sends the head by itself. */
  flushHead(): void {
    this.#begin();
    this.#headSent = true;
    this.#response.flushHeaders();
  }

  /** False: the client has enough for now, and the response will emit `drain`. */
  write(bytes: Buffer): boolean {
    this.#begin();
    if (bytes.length === 0) return true;
    const chunk = this.#chunked ? framed(bytes, CHUNK_END) : bytes;
    if (this.#headSent || chunk.length > ONE_PIECE_BYTES) return this.#response.write(chunk);
    this.#headSent = true;
    // Each byte is a character of Latin-1, and the other way round.
    return this.#response.write(chunk.toString('latin1'), 'latin1');
  }

  /** Writes the last of it and its end at once. */
  end(bytes: Buffer): void {
    this.#begin();
    if (!this.#chunked) this.#response.end(bytes);
    else if (bytes.length === 0) this.#response.end(LAST_CHUNK, 'latin1');
    else this.#response.end(framed(bytes, LAST_END));
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#response.writeHead(this.#reply.status, this.#reply.headers);
    this.#chunked = this.#response.chunkedEncoding;
    this.#response.chunkedEncoding = false;
  }
}

const LAST_CHUNK = '0\r\n\r\n';

function framed(bytes: Buffer, end: string): Buffer {
  const head = `${bytes.length.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafe(head.length + bytes.length + end.length);
  chunk.write(head, 'latin1');
  chunk.set(bytes, head.length);
  chunk.write(end, head.length + bytes.length, 'latin1');
  return chunk;
}
