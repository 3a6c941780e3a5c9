import type { Readable } from 'node:stream';
import { GatheredBytes } from '@karta/protocol';
import { ReaderError } from '../reader-port.ts';

const NEWLINE = 0x0a;

/** Takes lines off the front of a stream of hostile bytes; what follows stays in the stream. */
export interface LineFront {
  /** The next line without its end, `null` at the end of the stream. Throws `ReaderError`. */
  next(): Promise<Buffer | null>;
  /** All that has not been taken as lines. */
  rest(): AsyncGenerator<Buffer>;
  /** Whoever waits now waits `silenceMs` from now: the source has shown life in another way. */
  renew(): void;
}

/**
 * No line may be longer than `maxLine` bytes; memory stays below that and one chunk. A source that
 * says nothing for `silenceMs` while it is waited for has failed: a planted database can compute
 * for ever over one row. A taker may take its time.
 */
export function lineFront(stream: Readable, maxLine: number, silenceMs: number): LineFront {
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  let held: Buffer = Buffer.alloc(0);
  let silence: NodeJS.Timeout | undefined;

  async function spoken<T>(saying: Promise<T>): Promise<T> {
    const { promise: silent, reject } = Promise.withResolvers<never>();
    const gaveUp = () => reject(new ReaderError('failed', 'the reader fell silent'));
    silence = setTimeout(gaveUp, silenceMs);
    try {
      return await Promise.race([saying, silent]);
    } finally {
      clearTimeout(silence);
      silence = undefined;
    }
  }

  return {
    renew: () => void silence?.refresh(),
    async next() {
      const line = new GatheredBytes();
      for (;;) {
        const end = held.indexOf(NEWLINE);
        const part = end < 0 ? held : held.subarray(0, end);
        if (line.length + part.length > maxLine) {
          throw new ReaderError('failed', 'the answer has too long a line');
        }
        line.push(part);
        if (end >= 0) {
          held = held.subarray(end + 1);
          return bufferOf(line);
        }
        const { value, done } = await spoken(chunks.next());
        if (done === true) {
          held = Buffer.alloc(0);
          return line.length === 0 ? null : bufferOf(line);
        }
        held = Buffer.from(value);
      }
    },
    async *rest() {
      if (held.length > 0) yield held;
      held = Buffer.alloc(0);
      for (;;) {
        const { value, done } = await spoken(chunks.next());
        if (done === true) return;
        yield Buffer.from(value);
      }
    },
  };
}

function bufferOf(gathered: GatheredBytes): Buffer {
  const { buffer, length } = gathered.take();
  return Buffer.from(buffer, 0, length);
}
