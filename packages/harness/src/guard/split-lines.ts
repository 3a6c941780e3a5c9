import { GatheredBytes } from '@karta/protocol';
import { GuardError } from './guard-error.ts';

const LINE_FEED = 0x0a;

/**
 * Splits a byte stream at line feeds. A line is held until it is whole, so no more than `maxBytes`
 * and one chunk are ever held; a longer line throws `frame_too_large`. The last line may lack its
 * line feed. Nothing is read from `source` before the lines at hand are taken.
 */
export async function* splitLines(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  const lines = new LineSplitter(maxBytes);
  for await (const chunk of source) yield* lines.push(chunk);
  const last = lines.end();
  if (last !== null) yield last;
}

/** The same for who has the chunks at hand: a step of a loop costs less than a turn of a promise. */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #held = new GatheredBytes();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that `chunk` completes. Throws `frame_too_large`. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      const tail = chunk.subarray(start, end);
      start = end + 1;
      if (this.#held.length + tail.length > this.#maxBytes) throw this.#tooLarge();
      yield this.#join(tail);
    }
    if (start === chunk.length) return;
    this.#held.push(chunk.subarray(start));
    if (this.#held.length > this.#maxBytes) throw this.#tooLarge();
  }

  /** What came after the last line feed, `null` when that is nothing. */
  end(): Uint8Array | null {
    return this.#held.length === 0 ? null : this.#join(new Uint8Array());
  }

  #join(tail: Uint8Array): Uint8Array {
    if (this.#held.length === 0) return tail;
    this.#held.push(tail);
    return this.#held.take();
  }

  #tooLarge(): GuardError {
    return new GuardError('frame_too_large', `a line is longer than ${this.#maxBytes} bytes`);
  }
}
