import type { Logger } from 'pino';
import type { ControlPlane, Release } from '../control/port.ts';

/** How soon an activation reaches the pool of started sandboxes. Sessions see it at once. */
const LOOK_MS = 1_000;

/** Calls `changed` whenever other releases are active than before. Returns its end. */
export function watchReleases(
  control: Pick<ControlPlane, 'activeReleases'>,
  changed: (releases: readonly Release[]) => void,
  log: Pick<Logger, 'warn'>,
  everyMs = LOOK_MS,
): () => void {
  let seen: string | null = null;
  const look = async () => {
    const releases = await control.activeReleases();
    const ids = releases.map((release) => release.id).join(' ');
    if (seen !== null && seen !== ids) changed(releases);
    seen = ids;
  };
  const quietly = () =>
    look().catch((error: unknown) => log.warn({ err: error }, 'the active releases are unknown'));
  const timer = setInterval(() => void quietly(), everyMs);
  timer.unref();
  void quietly();
  return () => clearInterval(timer);
}
