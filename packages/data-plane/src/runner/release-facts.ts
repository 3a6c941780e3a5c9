import type { Release } from '../control/port.ts';
import type { ReleaseFacts } from './machine/machine-port.ts';

/** Releases whose facts are remembered: some kilobytes each. */
const REMEMBERED = 1_000;

/**
 * Remembers what `describe` tells: every message asks for it, and a release never changes. A failure
 * is not remembered, since a missing harness can be installed.
 */
export function rememberedFacts(
  describe: (release: Release) => Promise<ReleaseFacts>,
  most: number = REMEMBERED,
): (release: Release) => Promise<ReleaseFacts> {
  const known = new Map<string, Promise<ReleaseFacts>>();
  return (release) => {
    const before = known.get(release.id);
    if (before !== undefined) return before;
    const facts = describe(release);
    known.set(release.id, facts);
    facts.catch(() => known.delete(release.id));
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size > most) known.delete(oldest);
    return facts;
  };
}
