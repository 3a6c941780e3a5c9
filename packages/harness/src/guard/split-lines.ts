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
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      const tail = chunk.subarray(start, end);
      start = end + 1;
      if (held + tail.length > maxBytes) throw tooLarge(maxBytes);
      yield join(parts, tail);
      parts = [];
      held = 0;
    }
    if (start === chunk.length) continue;
    held += chunk.length - start;
    if (held > maxBytes) throw tooLarge(maxBytes);
    parts.push(chunk.subarray(start));
  }
  if (held > 0) yield join(parts, new Uint8Array());
}

function join(parts: readonly Uint8Array[], tail: Uint8Array): Uint8Array {
  return parts.length === 0 ? tail : Buffer.concat([...parts, tail]);
}

function tooLarge(maxBytes: number): GuardError {
  return new GuardError('frame_too_large', `a line is longer than ${maxBytes} bytes`);
}
