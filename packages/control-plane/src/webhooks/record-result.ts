import { recordAudit } from '../audit/record.ts';
import type { Database, Tx } from '../sql/database.ts';
import type { ClaimedDelivery } from './delivery-queue.ts';
import { nextAttemptAt } from './retry-schedule.ts';
import type { SendResult } from './send-request.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** An endpoint to which nothing could be delivered for so many days is switched off. */
export const DISABLE_AFTER_DAYS = 5;
/** By this an endpoint says that it wants nothing more. */
const GONE = 410;

/** Writes down how a try went, when the next one is due, and what that means for the endpoint. */
export async function recordResult(
  database: Database,
  delivery: ClaimedDelivery,
  result: SendResult & { at: Date; durationMs: number },
): Promise<void> {
  const { at, error, status } = result;
  const next = error === null ? null : nextAttemptAt(delivery.attempts, at);
  await database.transaction().execute(async (tx) => {
    await tx
      .insertInto('webhook_attempts')
      .values({
        delivery_id: delivery.id,
        number: delivery.attempts,
        at,
        duration_ms: result.durationMs,
        response_status: status,
        response_body: result.body,
        error,
      })
      .onConflict((conflict) => conflict.columns(['delivery_id', 'number']).doNothing())
      .execute();
    await tx
      .updateTable('webhook_deliveries')
      .set({
        status: error === null ? 'delivered' : next === null ? 'failed' : 'pending',
        next_attempt_at: next,
        response_status: status,
        error,
        ...(error === null ? { delivered_at: at } : {}),
      })
      .where('id', '=', delivery.id)
      .where('status', '=', 'pending')
      // A try that took so long that it counted as lost says nothing about the one after it.
      .where('attempts', '=', delivery.attempts)
      .execute();
    if (error === null) await markWell(tx, delivery);
    else await markFailing(tx, delivery, at, status);
  });
}

async function markWell(tx: Tx, { endpoint_id: id }: ClaimedDelivery): Promise<void> {
  await tx
    .updateTable('webhook_endpoints')
    .set({ failing_since: null })
    .where('id', '=', id)
    .where('failing_since', 'is not', null)
    .execute();
}

async function markFailing(
  tx: Tx,
  delivery: ClaimedDelivery,
  at: Date,
  status: number | null,
): Promise<void> {
  const endpoint = await tx
    .updateTable('webhook_endpoints')
    .set((eb) => ({ failing_since: eb.fn.coalesce('failing_since', eb.val(at)) }))
    .where('id', '=', delivery.endpoint_id)
    .where('enabled', '=', true)
    .returning(['failing_since'])
    .executeTakeFirst();
  if (!endpoint?.failing_since) return;
  const failingMs = at.getTime() - endpoint.failing_since.getTime();
  const gone = status === GONE;
  if (!gone && failingMs < DISABLE_AFTER_DAYS * DAY_MS) return;
  const notice = gone
    ? 'Switched off: the endpoint answered 410 Gone.'
    : `Switched off: no delivery has succeeded for ${DISABLE_AFTER_DAYS} days.`;
  await switchOff(tx, delivery.endpoint_id, notice, at);
  await recordAudit(tx, {
    actor: { kind: 'system', id: 'webhooks', orgId: delivery.org_id, label: 'webhook delivery' },
    action: 'webhooks.disable',
    target: { kind: 'webhook', id: delivery.endpoint_id },
    details: { notice },
  });
}

/** An endpoint gets nothing any more; what waited for it is cancelled. */
export async function switchOff(
  tx: Tx,
  endpointId: string,
  notice: string | null,
  at: Date,
): Promise<void> {
  await tx
    .updateTable('webhook_endpoints')
    .set({ enabled: false, notice, updated_at: at })
    .where('id', '=', endpointId)
    .execute();
  await tx
    .updateTable('webhook_deliveries')
    .set({ status: 'cancelled', next_attempt_at: null })
    .where('endpoint_id', '=', endpointId)
    .where('status', '=', 'pending')
    .execute();
}
