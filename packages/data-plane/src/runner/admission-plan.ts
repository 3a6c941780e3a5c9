import { RUNNER_LIMITS } from './limits.ts';

/** What holds memory: a session's sandbox, or one that is parked in the pool. */
export interface Tenant {
  id: string;
  /** Whose it is. */
  org: string;
  kind: 'session' | 'slot';
  bytes: number;
  /** It is being ended: its memory comes back without further doing. */
  leaving: boolean;
  /** When it was last used, in milliseconds of any monotonic clock; `null` while it may not be ended. */
  idleSince: number | null;
}

/** Memory that a session of an org asks for. */
export interface Wish {
  org: string;
  bytes: number;
  /** In milliseconds of the same clock. */
  now: number;
}

export type AdmissionPlan =
  | { do: 'admit' }
  /** End these first, then decide again. */
  | { do: 'end'; ids: string[] }
  /** Nothing more can be ended: wait until something changes, or that moment comes. */
  | { do: 'wait'; until: number | null }
  /** It can never fit. */
  | { do: 'refuse' };

/**
 * Whether what is wished for fits into the budget, or what must be ended so that it does: parked
 * sandboxes before idle sessions, those of the org that holds most first, of one org the longest
 * idle, no more than needed. Nothing is ended when even all of it would not make room. What an org
 * has used a moment ago is not ended for one that holds as much already: a burst of one leaves the
 * others their running conversations.
 */
export function planAdmission(
  budget: number,
  tenants: readonly Tenant[],
  wish: Wish,
): AdmissionPlan {
  const needed = wish.bytes;
  if (needed > budget) return { do: 'refuse' };
  const used = tenants.reduce((sum, tenant) => sum + tenant.bytes, 0);
  if (used + needed <= budget) return { do: 'admit' };

  const leaving = tenants.filter((tenant) => tenant.leaving);
  let missing = used + needed - budget - leaving.reduce((sum, tenant) => sum + tenant.bytes, 0);
  if (missing <= 0) return { do: 'wait', until: null };
  const held = bytesHeld(tenants);
  const mayEnd = tenants.filter(({ leaving: goes, idleSince }) => !goes && idleSince !== null);
  const keptUntil = (tenant: Tenant) => keptFor(tenant, wish, held);
  const victims = mayEnd.filter((tenant) => keptUntil(tenant) <= wish.now);
  const ids: string[] = [];
  while (victims.length > 0) {
    const [first] = victims.sort((a, b) => endFirst(a, b, held));
    if (first === undefined) break;
    victims.shift();
    ids.push(first.id);
    missing -= first.bytes;
    if (missing <= 0) return { do: 'end', ids };
    if (first.kind === 'session') held.set(first.org, bytesOf(held, first.org) - first.bytes);
  }
  const later = mayEnd.map(keptUntil).filter((until) => until > wish.now);
  return { do: 'wait', until: later.length === 0 ? null : Math.min(...later) };
}

/** Memory that the sessions of each org hold, without those that are being ended. */
export function bytesHeld(tenants: readonly Tenant[]): Map<string, number> {
  const held = new Map<string, number>();
  for (const { org, kind, bytes, leaving } of tenants) {
    if (kind === 'session' && !leaving) held.set(org, bytesOf(held, org) + bytes);
  }
  return held;
}

/** What `org` holds of it. */
export function bytesOf(held: ReadonlyMap<string, number>, org: string): number {
  return held.get(org) ?? 0;
}

/** Until when a tenant is not ended for the wish. */
function keptFor(tenant: Tenant, wish: Wish, held: ReadonlyMap<string, number>): number {
  const { org, kind, idleSince } = tenant;
  if (kind === 'slot' || org === wish.org) return 0;
  const asMuch = bytesOf(held, wish.org) >= bytesOf(held, org);
  return asMuch ? (idleSince ?? 0) + RUNNER_LIMITS.keptForOthersMs : 0;
}

function endFirst(a: Tenant, b: Tenant, held: ReadonlyMap<string, number>): number {
  if (a.kind !== b.kind) return a.kind === 'slot' ? -1 : 1;
  const more = a.kind === 'slot' ? 0 : bytesOf(held, b.org) - bytesOf(held, a.org);
  return more !== 0 ? more : (a.idleSince ?? 0) - (b.idleSince ?? 0);
}
