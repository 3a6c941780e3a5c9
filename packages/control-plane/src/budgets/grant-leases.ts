import {
  isoTime,
  type LeaseAnswer,
  type LeaseBody,
  type LeasedBudget,
  newId,
} from '@karta/protocol';
import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';
import { blockSize } from './block-size.ts';
import { requireEpoch } from './doors-epoch.ts';
import { heldByLease } from './lease-held.ts';
import { amountOf, countedOf } from './metric-amount.ts';
import { type OpenWindow, openWindows, windowEntry, windowKey } from './open-windows.ts';
import { holdBudgets } from './org-lock.ts';
import { coveredSubject } from './subject.ts';
import { tellThresholds } from './tell-thresholds.ts';

/** A block is for this long, in milliseconds; reports renew it. */
export const LEASE_MS = 60_000;

/** Who asks, and when. */
export interface Asker {
  nodeId: string;
  now: Date;
}

/**
 * Grants a node a block of each cap that covers the subject. The windows are locked before what
 * others hold is summed: so long as a cap is not changed, what was spent and what is held together
 * never exceed it. Throws `KartaError('stale_epoch')`.
 */
export async function grantLeases(tx: Tx, asker: Asker, body: LeaseBody): Promise<LeaseAnswer> {
  const { nodeId, now } = asker;
  const { subject: whom, epoch } = body;
  await requireEpoch(tx, nodeId, epoch);
  await holdBudgets(tx, [whom.org_id]);
  const budgets = await tx
    .selectFrom('budgets')
    .selectAll()
    .where('org_id', '=', whom.org_id)
    .execute();
  const windows = await openWindows(
    tx,
    budgets.flatMap((budget) => {
      const subject = coveredSubject(budget, whom);
      return subject === null ? [] : [windowEntry(budget, subject, now)];
    }),
  );
  const holdings = await holdingsOf(tx, windows, nodeId);
  const minimum = countedOf(body.minimum);
  const wanted = countedOf(body.wanted);
  const expiresAt = new Date(now.getTime() + LEASE_MS);
  const refusing: OpenWindow[] = [];
  const granted: { window: OpenWindow; id: string; amount: bigint }[] = [];
  const answers = windows.map((window): LeasedBudget => {
    const { metric } = window.budget;
    const cap = BigInt(window.budget.cap);
    const { held, nodes } = holdings.get(windowKey(window)) ?? { held: 0n, nodes: 1n };
    const left = cap - window.spent - held;
    const needed = amountOf(metric, minimum);
    const amount = blockSize({ left, minimum: needed, wanted: amountOf(metric, wanted), nodes });
    if (amount === null) {
      // What other blocks hold may come back; what is spent does not.
      if (cap - window.spent < needed) refusing.push(window);
      return { ...shown(window), left: shownAmount(left), lease: null };
    }
    // A node that only looks what is left wants nothing.
    if (amount === 0n) return { ...shown(window), left: shownAmount(left), lease: null };
    const id = newId('lease');
    granted.push({ window, id, amount });
    return {
      ...shown(window),
      left: shownAmount(left - amount),
      lease: { lease_id: id, amount: amount.toString(), expires_at: isoTime(expiresAt) },
    };
  });
  if (granted.length > 0) {
    await tx
      .insertInto('budget_leases')
      .values(
        granted.map(({ window: { budget, subject, bounds }, id, amount }) => ({
          id,
          budget_id: budget.id,
          subject,
          starts_at: bounds.start,
          node_id: nodeId,
          epoch: String(epoch),
          amount: amount.toString(),
          expires_at: expiresAt,
        })),
      )
      .execute();
  }
  await tellThresholds(tx, refusing, true, now);
  return { now: isoTime(now), budgets: answers };
}

interface Holdings {
  held: bigint;
  /** Nodes that hold blocks, with the one that asks. */
  nodes: bigint;
}

/** What is held of windows that are locked: a statement of its own, which sees what came before. */
async function holdingsOf(
  tx: Tx,
  windows: readonly OpenWindow[],
  nodeId: string,
): Promise<Map<string, Holdings>> {
  if (windows.length === 0) return new Map();
  const { rows } = await sql<{ place: string; held: string; others: string }>`
    select place, sum(${heldByLease}) as held,
      count(distinct lease.node_id) filter (where lease.node_id <> ${nodeId}) as others
    from unnest(
      ${windows.map(({ budget }) => budget.id)}::text[],
      ${windows.map(({ subject }) => subject)}::text[],
      ${windows.map(({ bounds }) => bounds.start.toISOString())}::timestamptz[]
    ) with ordinality as window_of (budget_id, subject, starts_at, place)
    join budget_leases lease using (budget_id, subject, starts_at)
    where not lease.closed or lease.consumed < lease.taken
    group by place`.execute(tx);
  return new Map(
    rows.map(({ place, held, others }) => {
      const window = windows[Number(place) - 1];
      if (window === undefined) throw new Error(`no window ${place}`);
      return [windowKey(window), { held: BigInt(held), nodes: BigInt(others) + 1n }];
    }),
  );
}

function shown({ budget, subject, bounds }: OpenWindow): Omit<LeasedBudget, 'left' | 'lease'> {
  return {
    budget_id: budget.id,
    scope: budget.scope,
    scope_id: subject,
    metric: budget.metric,
    window: budget.period,
    window_start: isoTime(bounds.start),
    window_end: bounds.end && isoTime(bounds.end),
    limit: budget.cap,
  };
}

/** A cap that was lowered, or overrun, has nothing left. */
function shownAmount(left: bigint): string {
  return (left > 0n ? left : 0n).toString();
}
