/** TLS: a record that carries handshake messages, and the message that a client begins with. */
const HANDSHAKE_RECORD = 22;
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
  /** The names that a TLS client asks for: one, unless it breaks the rules. */
  | { names: string[] };

/** Reads the names of servers in the first bytes of a connection (RFC 8446, 6066). Never throws. */
export function readHello(bytes: Buffer): Hello {
  const message = handshakeIn(bytes);
  if (!Buffer.isBuffer(message)) return message;
  const names = namesIn(new Cursor(message));
  return names.length === 0 ? 'nameless' : { names };
}

/** The client's first message, put together from the records that it came in. */
function handshakeIn(bytes: Buffer): Buffer | 'more' | 'nameless' {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    if (at < bytes.length && bytes[at] !== HANDSHAKE_RECORD) return 'nameless';
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return 'nameless';
    if (at + RECORD_HEAD > bytes.length) return 'more';
    const end = at + RECORD_HEAD + bytes.readUInt16BE(at + 3);
    parts.push(bytes.subarray(at + RECORD_HEAD, Math.min(end, bytes.length)));
    const message = Buffer.concat(parts);
    if (message.length > 0 && message[0] !== CLIENT_HELLO) return 'nameless';
    if (message.length >= MESSAGE_HEAD) {
      const whole = MESSAGE_HEAD + message.readUIntBE(1, 3);
      if (message.length >= whole) return message.subarray(MESSAGE_HEAD, whole);
    }
    if (end > bytes.length) return 'more';
    at = end;
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
