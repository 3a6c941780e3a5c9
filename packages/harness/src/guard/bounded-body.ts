import type { Readable } from 'node:stream';
import { GatheredBytes } from '@karta/protocol';
import { GuardError } from './guard-error.ts';
import { parseHostileJson } from './hostile-json.ts';
import type { FrameLimits } from './limits.ts';

/**
 * The body of a hostile server's answer as a web stream that reads only when it is read. JSON whole,
 * bounded and cleaned; anything else up to `bodyBytes`.
 */
export function boundedBody(
  source: Readable,
  contentType: string,
  bounds: { frames: FrameLimits; bodyBytes: number },
): ReadableStream<Uint8Array> {
  const [type = ''] = contentType.toLowerCase().split(';', 1);
  const pieces = piecesOf(source, type.trim(), bounds);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        source.destroy();
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

function piecesOf(
  source: Readable,
  type: string,
  bounds: { frames: FrameLimits; bodyBytes: number },
): AsyncGenerator<Uint8Array> {
  if (type === 'application/json' || type.endsWith('+json')) return wholeJson(source, bounds);
  return upTo(source, bounds.bodyBytes);
}

async function* wholeJson(
  source: Readable,
  bounds: { frames: FrameLimits; bodyBytes: number },
): AsyncGenerator<Uint8Array> {
  const gathered = new GatheredBytes();
  for await (const chunk of upTo(source, bounds.bodyBytes)) gathered.push(chunk);
  const bytes = gathered.take();
  if (bytes.length > 0) yield Buffer.from(parseHostileJson(bytes, bounds.frames).text);
}

async function* upTo(source: Readable, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new GuardError('frame_too_large', `a body is longer than ${maxBytes} bytes`);
    }
    yield chunk;
  }
}
