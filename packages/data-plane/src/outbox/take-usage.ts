import type { UsageEvent, UsageRecord } from '@karta/protocol';
import { sql } from 'kysely';
import type { Database } from '../sql/index.ts';
import type { GrantOf } from './lifecycle.ts';

/**
 * Takes calls over from the doors' journal, with who their turn is for. Once this resolves the
 * doors may forget them; a call that is told again stands here once. Answers those that were not
 * told before.
 */
export async function takeUsage(
  database: Database,
  records: readonly UsageRecord[],
  grantOf: GrantOf,
): Promise<UsageEvent[]> {
  if (records.length === 0) return [];
  // A call may be told long after it was made, when this node holds a grant of a later time only.
  const told = records.map((record) => ({
    ...record,
    org_grant: record.org_grant ?? grantOf(record.org_id),
  }));
  const { rows } = await sql<{ event: UsageEvent }>`
    insert into outbox (id, kind, org_id, event, org_grant)
    select call.id, 'usage', call.org_id, jsonb_build_object(
      'id', call.id, 'org_id', call.org_id, 'project_id', call.project_id,
      'session_id', call.session_id, 'turn_id', call.turn_id, 'provider', call.provider,
      'model', call.model, 'input_tokens', call.input_tokens,
      'cache_read_tokens', call.cache_read_tokens, 'cache_write_tokens', call.cache_write_tokens,
      'output_tokens', call.output_tokens, 'estimated', call.estimated, 'paid_by', call.paid_by,
      'spend', call.spend, 'at', call.at, 'principal_id', coalesce(turns.principal_id, sessions.created_by),
      'api_key_id', call.payer->>'api_key_id', 'embed_key_id', call.payer->>'embed_key_id',
      'end_user', coalesce(turns.end_user, call.payer->>'end_user', sessions.sub), 'mode', coalesce(sessions.mode, 'live')
    ), call.org_grant
    from json_to_recordset(${JSON.stringify(told)}::json) as call (
      seq bigint, id text, org_id text, project_id text, session_id text, turn_id text, payer jsonb,
      provider text, model text, input_tokens bigint, cache_read_tokens bigint,
      cache_write_tokens bigint, output_tokens bigint, estimated boolean, paid_by text, spend jsonb,
      at text,
      org_grant text)
    left join sessions on sessions.id = call.session_id
    left join turns on turns.id = call.turn_id
    order by call.seq
    on conflict (id) do nothing
    returning event`.execute(database);
  return rows.map(({ event }) => event);
}
