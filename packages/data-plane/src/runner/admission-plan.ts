/** What holds memory: a session's sandbox, or one that is parked in the pool. */
export interface Tenant {
  id: string;
  kind: 'session' | 'slot';
  bytes: number;
  /** It is being ended: its memory comes back without further doing. */
  leaving: boolean;
  /** When it was last used, in any monotonic unit; `null` while it may not be ended. */
  idleSince: number | null;
}

export type AdmissionPlan =
  | { do: 'admit' }
  /** End these first, then decide again. */
  | { do: 'end'; ids: string[] }
  /** Nothing more can be ended: wait until something changes. */
  | { do: 'wait' }
  /** It can never fit. */
  | { do: 'refuse' };

/**
 * Whether `needed` bytes fit into the budget, or what must be ended so that they do: parked
 * sandboxes before idle sessions, the longest idle first, no more than needed. Nothing is ended
 * when even all of it would not make room.
 */
export function planAdmission(
  budget: number,
  tenants: readonly Tenant[],
  needed: number,
): AdmissionPlan {
  if (needed > budget) return { do: 'refuse' };
  const used = tenants.reduce((sum, tenant) => sum + tenant.bytes, 0);
  if (used + needed <= budget) return { do: 'admit' };

  const leaving = tenants.filter((tenant) => tenant.leaving);
  let missing = used + needed - budget - leaving.reduce((sum, tenant) => sum + tenant.bytes, 0);
  if (missing <= 0) return { do: 'wait' };
  const ids: string[] = [];
  for (const tenant of tenants.filter(canEnd).sort(endFirst)) {
    ids.push(tenant.id);
    missing -= tenant.bytes;
    if (missing <= 0) return { do: 'end', ids };
  }
  return { do: 'wait' };
}

function canEnd(tenant: Tenant): boolean {
  return !tenant.leaving && tenant.idleSince !== null;
}

function endFirst(a: Tenant, b: Tenant): number {
  if (a.kind !== b.kind) return a.kind === 'slot' ? -1 : 1;
  return (a.idleSince ?? 0) - (b.idleSince ?? 0);
}
