import type { Socket } from 'node:net';
import { ConnectError } from '@karta/service/network';
import type { ChannelEgress, Place } from './channel-egress.ts';
import { EGRESS_IDLE_MS } from './limits.ts';
import { nameCheck } from './name-check.ts';

/**
 * Joins a connection made inside with one to the host, and passes every byte as it is: what is said
 * is between the two of them, save that TLS for another host is refused. Never rejects.
 */
export async function passConnection(
  egress: ChannelEgress,
  place: Place,
  inside: Socket,
): Promise<void> {
  const gone = new AbortController();
  // Until the host answers nothing is read; who goes away meanwhile must be noticed.
  inside.once('error', () => gone.abort());
  inside.once('close', () => gone.abort());
  const passage = egress.enter(place);
  if (passage === null) {
    inside.destroy();
    return;
  }
  let outside: Socket;
  try {
    outside = await egress.connect(place, gone.signal);
  } catch (error) {
    inside.destroy();
    passage.end(error instanceof ConnectError ? error.fault : 'cut', 0, 0);
    return;
  }
  if (inside.destroyed) {
    outside.destroy();
    passage.end('cut', 0, 0);
    return;
  }
  let idle = false;
  let broken = false;
  let misnamed = false;
  const checked = nameCheck(place.host, () => {
    misnamed = true;
    inside.destroy();
    outside.destroy();
  });
  const both = [inside, outside] as const;
  for (const [from, to] of [both, [outside, inside] as const]) {
    from.on('error', () => {
      broken = true;
    });
    from.on('close', () => {
      if (!from.readableEnded) broken = true;
      if (broken) to.destroy();
      if (inside.closed && outside.closed) {
        const outcome = idle ? 'idle' : broken ? 'cut' : 'complete';
        passage.end(misnamed ? 'other_name' : outcome, outside.bytesWritten, outside.bytesRead);
      }
    });
    from.setTimeout(EGRESS_IDLE_MS, () => {
      idle = true;
      from.destroy();
    });
  }
  inside.pipe(checked).pipe(outside);
  outside.pipe(inside);
}
