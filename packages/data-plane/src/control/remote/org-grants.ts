import { BoundedMap } from './bounded-map.ts';

/** The newest grant of each org that this node has met a credential of. */
export interface OrgGrants {
  /** `null`: none was met. One that has expired is still proof for what was measured while it held. */
  of(orgId: string): string | null;
  keep(orgId: string, grant: string): void;
  /** Calls `listener` with each grant that is kept from now on. */
  onKeep(listener: (orgId: string, grant: string) => void): void;
  /** How long ago the grant was kept, in milliseconds; infinite without one. */
  age(orgId: string): number;
}

/** Orgs of which a node remembers the grant; the ones met longest ago are forgotten first. */
const MAX_ORGS = 100_000;

export function createOrgGrants(): OrgGrants {
  const grants = new BoundedMap<{ grant: string; keptAt: number }>(MAX_ORGS);
  const listeners: ((orgId: string, grant: string) => void)[] = [];
  return {
    of: (orgId) => grants.get(orgId)?.grant ?? null,
    age(orgId) {
      const kept = grants.get(orgId);
      return kept === undefined ? Number.POSITIVE_INFINITY : performance.now() - kept.keptAt;
    },
    keep(orgId, grant) {
      grants.set(orgId, { grant, keptAt: performance.now() });
      for (const listener of listeners) listener(orgId, grant);
    },
    onKeep: (listener) => void listeners.push(listener),
  };
}
