import {
  isoTime,
  type LeaseAnswer,
  type LeaseBody,
  type LeasedBudget,
  newId,
} from '@karta/protocol';
import type { Tx } from '../sql/database.ts';
import { blockSize } from './block-size.ts';
import { requireEpoch } from './doors-epoch.ts';
import { amountOf, type Counted, countedOf } from './metric-amount.ts';
import { type OpenWindow, openWindows, windowEntry } from './open-windows.ts';
import { holdBudgets } from './org-lock.ts';
import { standingOf } from './standing.ts';
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
  const minimum = countedOf(body.minimum);
  const wanted = countedOf(body.wanted);
  const call = countedOf(body.needed ?? body.minimum);
  // A node that only looks what is left holds nobody up.
  const asks = asksFor(minimum) || asksFor(wanted);
  await requireEpoch(tx, nodeId, epoch);
  if (asks) await holdBudgets(tx, [whom.org_id]);
  const budgets = await tx
    .selectFrom('budgets')
    .selectAll()
    .where('org_id', '=', whom.org_id)
    .execute();
  const entries = budgets.flatMap((budget) => {
    const subject = coveredSubject(budget, whom);
    return subject === null ? [] : [windowEntry(budget, subject, now)];
  });
  if (asks) await openWindows(tx, entries);
  const windows = await standingOf(tx, entries, nodeId);
  const expiresAt = new Date(now.getTime() + LEASE_MS);
  const refusing: OpenWindow[] = [];
  const granted: Granted[] = [];
  const answers = windows.map((window): LeasedBudget => {
    const { metric } = window.budget;
    const cap = BigInt(window.budget.cap);
    const left = cap - window.spent - window.held;
    const lacking = amountOf(metric, minimum);
    const amount = blockSize({
      left,
      minimum: lacking,
      wanted: amountOf(metric, wanted),
      nodes: window.nodes,
    });
    if (amount === null) {
      // What other blocks hold may come back; what is spent does not.
      if (cap - window.spent < amountOf(metric, call)) refusing.push(window);
      return { ...shown(window), left: shownAmount(left), lease: null };
    }
    if (amount === 0n) return { ...shown(window), left: shownAmount(left), lease: null };
    const id = newId('lease');
    granted.push({ window, id, amount });
    return {
      ...shown(window),
      left: shownAmount(left - amount),
      lease: { lease_id: id, amount: amount.toString(), expires_at: isoTime(expiresAt) },
    };
  });
  await insertLeases(tx, { nodeId, epoch, expiresAt }, granted);
  if (asks) await tellThresholds(tx, refusing, true, now);
  return { now: isoTime(now), budgets: answers };
}

interface Granted {
  window: OpenWindow;
  id: string;
  amount: bigint;
}

async function insertLeases(
  tx: Tx,
  { nodeId, epoch, expiresAt }: { nodeId: string; epoch: number; expiresAt: Date },
  granted: readonly Granted[],
): Promise<void> {
  if (granted.length === 0) return;
  const rows = granted.map(({ window: { budget, subject, bounds }, id, amount }) => ({
    id,
    budget_id: budget.id,
    subject,
    starts_at: bounds.start,
    node_id: nodeId,
    epoch: String(epoch),
    amount: amount.toString(),
    expires_at: expiresAt,
  }));
  await tx.insertInto('budget_leases').values(rows).execute();
}

function asksFor({ input_tokens: input, output_tokens: output, cost }: Counted): boolean {
  return input + output + cost > 0n;
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
