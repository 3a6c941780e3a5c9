import { type BuildBody, type BuildLine, buildLine, KartaError } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';

/** The longest line of a node's answer: 50,000 files with their digests. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;
/** How long a node may take until its first line, in milliseconds: it may have builds before this one. */
const BEGIN_MS = 60_000;

/**
 * Has a node build an archive; yields what it says as it says it, its result last. Throws
 * `KartaError('control_unavailable')` when the node cannot be reached or breaks off.
 */
export async function* buildOn(
  node: PlaneClient,
  body: BuildBody,
  signal: AbortSignal,
): AsyncGenerator<BuildLine> {
  const response = await node.fetch({
    method: 'POST',
    path: '/v1/internal/builds',
    json: body,
    timeoutMs: BEGIN_MS,
    signal,
  });
  if (!response.ok || response.body === null) {
    const detail = await response.text();
    throw new KartaError('internal', `a node refused a build: ${response.status} ${detail}`);
  }
  for await (const line of linesOf(response.body)) {
    // An empty line says that the node is still at it.
    if (line !== '') yield buildLine.parse(JSON.parse(line));
  }
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (let chunk of body) {
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a)) {
      yield Buffer.concat([...parts.splice(0), chunk.subarray(0, end)]).toString('utf8');
      bytes = 0;
      chunk = chunk.subarray(end + 1);
    }
    bytes += chunk.length;
    if (bytes > MAX_LINE_BYTES) throw new KartaError('internal', 'a node said too long a line');
    if (chunk.length > 0) parts.push(chunk);
  }
}
