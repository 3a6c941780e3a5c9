import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';

/**
 * A provider's answer as `change` leaves it: errors when the answer breaks off, and frees the
 * connection whichever side ends first.
 */
export function changedBody(response: IncomingMessage, change: Transform): Readable {
  response.on('error', (error) => change.destroy(error));
  const free = () => response.destroy();
  change.once('end', free).once('close', free);
  return response.pipe(change);
}
