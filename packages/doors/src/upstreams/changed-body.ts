import type { Readable, Transform } from 'node:stream';

/**
 * A provider's answer as `change` leaves it: errors when the answer breaks off, and frees the
 * connection whichever side ends first.
 */
export function changedBody(body: Readable, change: Transform): Readable {
  body.on('error', (error) => change.destroy(error));
  const free = () => body.destroy();
  change.once('end', free).once('close', free);
  return body.pipe(change);
}
