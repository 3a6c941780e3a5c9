/** Bytes before each piece of a body: its length. */
const HEADER = 4;

/**
 * A body on its way to the reader, in pieces with their lengths and an empty one at the end: a body
 * that broke off must not pass for a short one.
 */
export async function* frames(body: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    if (bytes.length === 0) continue;
    yield header(bytes.length);
    yield bytes;
  }
  yield header(0);
}

function header(length: number): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt32BE(length);
  return bytes;
}
