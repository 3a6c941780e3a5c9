/** Bytes of content that one line of side-band-64k can carry. */
const MAX_CONTENT = 65_515;
const FLUSH = Buffer.from('0000');

/** Channels of a side band: what the client's program reads, what its person reads, why all ends. */
export const REPORT_BAND = 1;
export const PERSON_BAND = 2;
export const FAILURE_BAND = 3;

/** Git's framing: four hex digits of length, then the content. */
export function pktLine(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  const length = (bytes.length + 4).toString(16).padStart(4, '0');
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** The end of a list of lines. */
export function flushPkt(): Buffer {
  return FLUSH;
}

/** Content on a channel of a side band, in as many lines as it needs. */
export function onBand(band: number, content: Uint8Array): Buffer {
  const lines: Buffer[] = [];
  for (let at = 0; at < content.length; at += MAX_CONTENT) {
    lines.push(
      pktLine(Buffer.concat([Buffer.from([band]), content.subarray(at, at + MAX_CONTENT)])),
    );
  }
  return Buffer.concat(lines);
}

/** The lines of a stream; `null` is a flush. Throws an `Error` for what is no line. */
export async function* pktLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer | null> {
  let held = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4) {
      const text = held.toString('latin1', 0, 4);
      if (!/^[0-9a-f]{4}$/i.test(text)) throw new Error('git said what is no line of its own');
      const length = Number.parseInt(text, 16);
      if (length < 4) {
        held = held.subarray(4);
        yield null;
        continue;
      }
      if (held.length < length) break;
      yield held.subarray(4, length);
      held = held.subarray(length);
    }
  }
}
