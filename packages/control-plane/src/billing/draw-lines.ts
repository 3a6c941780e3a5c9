import { sql } from 'kysely';
import type { Database, Tx } from '../sql/database.ts';

/** Picodollars of a cent. */
export const PICODOLLARS_PER_CENT = 10_000_000_000n;

/**
 * What the platform paid for an org, by day and model, less what stands on lines already. Test keys,
 * the demo model and the org's own keys cost the platform nothing.
 */
function dueOf(orgId: string) {
  return sql`
    select used.day, used.provider, used.model, used.cost, used.calls, used.input_tokens,
      used.output_tokens, used.cost - coalesce(billed.cost, 0) as due,
      used.calls - coalesce(billed.calls, 0) as due_calls,
      used.input_tokens - coalesce(billed.input_tokens, 0) as due_input,
      used.output_tokens - coalesce(billed.output_tokens, 0) as due_output
    from (
      select day, provider, model, sum(cost) as cost, sum(calls) as calls,
        sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens
      from usage_daily
      where org_id = ${orgId} and mode = 'live' and paid_by = 'platform' and provider <> 'demo'
      group by day, provider, model
    ) used
    left join billed_usage billed on billed.org_id = ${orgId} and billed.day = used.day
      and billed.provider = used.provider and billed.model = used.model
    where used.cost > coalesce(billed.cost, 0)`;
}

/** What an org has used, is to pay, and has on no line yet. Picodollars. */
export async function unbilledOf(database: Database | Tx, orgId: string): Promise<bigint> {
  const { rows } = await sql<{ due: string }>`
    select coalesce(sum(due), 0)::text as due from (${dueOf(orgId)}) due`.execute(database);
  return BigInt(rows[0]?.due ?? '0');
}

/** Whether anything is to be paid that is on no invoice yet. */
export async function owesUsage(tx: Tx, orgId: string): Promise<boolean> {
  if ((await unbilledOf(tx, orgId)) > 0n) return true;
  const waiting = await tx
    .selectFrom('billing_lines')
    .select('id')
    .where('org_id', '=', orgId)
    .where('item_id', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return waiting !== undefined;
}

/**
 * Draws lines for an invoice: one for each model, of all that no line has yet, rounded up to a cent
 * once. The org's account is locked meanwhile. Calls that are booked later are for the next one.
 */
export async function drawLines(
  tx: Tx,
  orgId: string,
  invoiceId: string,
  now: Date,
): Promise<void> {
  await sql`
    with due as materialized (${dueOf(orgId)}), noted as (
      insert into billed_usage
        (org_id, day, provider, model, cost, calls, input_tokens, output_tokens)
      select ${orgId}, day, provider, model, cost, calls, input_tokens, output_tokens from due
      on conflict (org_id, day, provider, model) do update set cost = excluded.cost,
        calls = excluded.calls, input_tokens = excluded.input_tokens,
        output_tokens = excluded.output_tokens
    )
    insert into billing_lines (id, org_id, invoice_id, provider, model, from_day, to_day, calls,
      input_tokens, output_tokens, cost, cents, created_at)
    select 'bln_' || left(replace(gen_random_uuid()::text, '-', ''), 24), ${orgId}, ${invoiceId},
      provider, model, min(day)::text, max(day)::text, sum(due_calls), sum(due_input), sum(due_output),
      sum(due), ceil(sum(due) / ${PICODOLLARS_PER_CENT.toString()}::numeric), ${now}::timestamptz
    from due group by provider, model`.execute(tx);
}
