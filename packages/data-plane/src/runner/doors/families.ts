import type { WireFamily } from '@karta/protocol';
import type { DoorsClient } from './doors-client.ts';

/** The wire families that some upstream serves, in the order of the upstreams. */
export type Families = () => Promise<readonly WireFamily[]>;

/** Asks the doors once: their upstreams are fixed for their life. A failure is asked again. */
export function servedFamilies(doors: Pick<DoorsClient, 'upstreams'>): Families {
  let known: Promise<readonly WireFamily[]> | null = null;
  return () => {
    known ??= doors.upstreams().then(
      ({ upstreams }) => [...new Set(upstreams.flatMap((upstream) => upstream.families))],
      (error: unknown) => {
        known = null;
        throw error;
      },
    );
    return known;
  };
}
