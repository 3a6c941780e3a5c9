import { ImageError } from './manifest.ts';

const NEWLINE = 0x0a;

/** Takes lines and counted bytes off a stream, in memory bounded by one line and one chunk. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #seen: (chunk: Buffer) => void;
  #held: Buffer = Buffer.alloc(0);

  /** `seen` hears of every byte that arrives, in order. */
  constructor(stream: AsyncIterable<Uint8Array>, seen: (chunk: Buffer) => void) {
    this.#chunks = stream[Symbol.asyncIterator]();
    this.#seen = seen;
  }

  /** The next line without its end; `null` when the stream ends first. Throws when it is longer. */
  async line(maxBytes: number): Promise<string | null> {
    const parts: Buffer[] = [];
    let length = 0;
    for (;;) {
      const end = this.#held.indexOf(NEWLINE);
      const part = end < 0 ? this.#held : this.#held.subarray(0, end);
      length += part.length;
      if (length > maxBytes) throw new ImageError('a line is too long');
      parts.push(part);
      if (end >= 0) {
        this.#held = this.#held.subarray(end + 1);
        return Buffer.concat(parts).toString('utf8');
      }
      if (!(await this.#more())) return null;
    }
  }

  /** Exactly so many bytes. Throws when the stream ends before. */
  async *take(bytes: number): AsyncGenerator<Buffer> {
    let left = bytes;
    while (left > 0) {
      if (this.#held.length === 0 && !(await this.#more())) {
        throw new ImageError('the image ends within a file');
      }
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      left -= part.length;
      if (part.length > 0) yield part;
    }
  }

  /** All that is left. */
  async *rest(): AsyncGenerator<Buffer> {
    while (!(await this.atEnd())) {
      const part = this.#held;
      this.#held = Buffer.alloc(0);
      yield part;
    }
  }

  /** Whether nothing is left. */
  async atEnd(): Promise<boolean> {
    while (this.#held.length === 0) if (!(await this.#more())) return true;
    return false;
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done === true) {
      this.#held = Buffer.alloc(0);
      return false;
    }
    this.#held = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#seen(this.#held);
    return true;
  }
}
