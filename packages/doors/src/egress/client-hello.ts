import { GatheredBytes } from '@karta/protocol';

/** TLS: a record that carries handshake messages, and the message that a client begins with. */
const HANDSHAKE_RECORD = 22;
/** All types of records that there are: changes of the cipher, alerts, handshake, data, heartbeats. */
const FIRST_RECORD = 20;
const LAST_RECORD = 24;
const MAJOR_VERSION = 3;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const RECORD_HEAD = 5;
const MESSAGE_HEAD = 4;
/** A client's version, and its random bytes. */
const FIXED_PART = 2 + 32;

/** What the beginning of a connection says about whom it is for. */
export type Hello =
  /** Too little has come to tell. */
  | 'more'
  /** Not TLS, or TLS without a name. */
  | 'nameless'
  /** TLS, but not as a client begins it. Servers pass over more than they should before a name comes. */
  | 'broken'
  /** The names that a TLS client asks for: one, unless it breaks the rules. */
  | { names: string[] };

/**
 * Reads the names of servers in the first bytes of a connection (RFC 8446, 6066), however they come:
 * each byte is looked at once, for whoever sends them may cut them as small as it likes. Never throws.
 */
export class HelloReader {
  readonly #head = Buffer.alloc(RECORD_HEAD);
  #headBytes = 0;
  /** What is still to come of the record. */
  #left = 0;
  #first = true;
  readonly #start = Buffer.alloc(MESSAGE_HEAD);
  readonly #message = new GatheredBytes();

  /** What is known with these bytes too. Not called again once it is anything but `more`. */
  push(chunk: Buffer): Hello {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const verdict = this.#readHead(chunk[at] ?? 0);
        if (verdict !== 'more') return verdict;
        at += 1;
        continue;
      }
      const part = chunk.subarray(at, at + this.#left);
      at += part.length;
      this.#left -= part.length;
      const hello = this.#gather(part);
      if (hello !== 'more') return hello;
    }
    return 'more';
  }

  /** One byte of what stands before each record: its type, its version, its length. */
  #readHead(byte: number): 'more' | 'nameless' | 'broken' {
    const at = this.#headBytes;
    this.#head[at] = byte;
    const no = this.#first ? 'nameless' : 'broken';
    if (at === 0 && (byte < FIRST_RECORD || byte > LAST_RECORD)) return no;
    if (at === 1 && byte !== MAJOR_VERSION) return no;
    if (at === 2 && this.#head[0] !== HANDSHAKE_RECORD) return 'broken';
    this.#headBytes = (at + 1) % RECORD_HEAD;
    if (this.#headBytes === 0) {
      this.#left = this.#head.readUInt16BE(3);
      this.#first = false;
    }
    return 'more';
  }

  #gather(part: Buffer): Hello {
    part.copy(this.#start, Math.min(this.#message.length, MESSAGE_HEAD));
    this.#message.push(part);
    if (this.#start[0] !== CLIENT_HELLO) return 'broken';
    if (this.#message.length < MESSAGE_HEAD) return 'more';
    const whole = MESSAGE_HEAD + this.#start.readUIntBE(1, 3);
    if (this.#message.length < whole) return 'more';
    const { buffer } = this.#message.take();
    const message = Buffer.from(buffer, MESSAGE_HEAD, whole - MESSAGE_HEAD);
    const names = namesIn(new Cursor(message));
    return names.length === 0 ? 'nameless' : { names };
  }
}

function namesIn(hello: Cursor): string[] {
  hello.skip(FIXED_PART);
  hello.vector(1); // session id
  hello.vector(2); // cipher suites
  hello.vector(1); // compression methods
  const extensions = hello.vector(2);
  const names: string[] = [];
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (type !== SERVER_NAME) continue;
    const list = content.vector(2);
    while (list.left > 0) {
      const kind = list.number(1);
      const name = list.vector(2);
      if (kind === SERVER_NAME) names.push(name.text());
    }
  }
  return names;
}

/** Reads on through bytes; what is not there is nothing. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  skip(count: number): void {
    this.#at = Math.min(this.#bytes.length, this.#at + count);
  }

  number(size: number): number {
    if (this.left < size) {
      this.skip(this.left);
      return 0;
    }
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.skip(size);
    return value;
  }

  /** What follows a length of `size` bytes. */
  vector(size: number): Cursor {
    const length = this.number(size);
    const start = this.#at;
    this.skip(length);
    return new Cursor(this.#bytes.subarray(start, this.#at));
  }

  text(): string {
    return this.#bytes.toString('latin1', this.#at);
  }
}
