import type { ServerResponse } from 'node:http';
import type { Relayed, RelayOptions } from './relay.ts';

/** Up to here an answer goes into the same string as its head, in bytes: one write of one piece. */
const ONE_PIECE_BYTES = 16 * 1024;

/** Passes on an answer that is there as a whole, in one write with its head and its length. */
export async function relayWhole(
  {
    status,
    headers,
    whole,
  }: { status: number; headers: Readonly<Record<string, string>>; whole: Buffer },
  response: ServerResponse,
  { onChunk, beforeEnd }: Pick<RelayOptions, 'onChunk' | 'beforeEnd'>,
): Promise<Relayed> {
  onChunk(whole);
  try {
    await beforeEnd?.();
  } catch {
    // Why is told by whoever could not settle it; the client must not take it for complete.
    response.destroy();
    return 'cut';
  }
  if (response.destroyed) return 'gone';
  response.writeHead(status, { ...headers, 'content-length': whole.length });
  // Each byte is a character of Latin-1, and the other way round.
  if (whole.length <= ONE_PIECE_BYTES) response.end(whole.toString('latin1'), 'latin1');
  else response.end(whole);
  return 'complete';
}
