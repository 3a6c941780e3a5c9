import type { UsageRecord } from './usage-records.ts';

/** What is known of a call from its beginning on. */
type BegunCall = Omit<UsageRecord, 'seq'>;

/** A call by position: its fields, then four for each charge. Names would be half of it. */
export type CallFields = readonly (string | number | boolean | null)[];

/** Fields before the charges. */
const FIXED = 24;

/**
 * A call as the doors' journal and management socket have it. Spelled out: a loop over names would
 * cost more than the writing.
 */
export function callFields(call: BegunCall): CallFields {
  const { payer, spend } = call;
  const fields: (string | number | boolean | null)[] = [
    call.id,
    call.org_id,
    call.project_id,
    call.session_id,
    call.turn_id,
    payer.api_key_id,
    payer.embed_key_id,
    payer.end_user,
    call.org_grant,
    call.provider,
    call.model,
    call.input_tokens,
    call.cache_read_tokens,
    call.cache_write_tokens,
    call.output_tokens,
    call.estimated,
    call.paid_by,
    call.at,
    spend.cost,
    spend.price_version,
    spend.own_key_id,
    spend.cache_write_1h_tokens,
    spend.reasoning_tokens,
    spend.exceeded,
  ];
  for (const { lease_id, budget_id, window_start, amount } of spend.charges) {
    fields.push(lease_id, budget_id, window_start, amount);
  }
  return fields;
}

/** The call by names, unchecked: of the type only once its schema has taken it. */
export function callOf(fields: readonly unknown[]): Unchecked<BegunCall> {
  const [id, org_id, project_id, session_id, turn_id, ...afterIds] = fields;
  const [api_key_id, embed_key_id, end_user, org_grant, provider, model, ...afterModel] = afterIds;
  const [input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, ...rest] = afterModel;
  const [estimated, paid_by, at, cost, price_version, own_key_id, ...last] = rest;
  const [cache_write_1h_tokens, reasoning_tokens, exceeded] = last;
  const charges: Unchecked<UsageRecord['spend']['charges'][number]>[] = [];
  for (let at = FIXED; at < fields.length; at += 4) {
    const [lease_id, budget_id, window_start, amount] = fields.slice(at, at + 4);
    charges.push({ lease_id, budget_id, window_start, amount });
  }
  const payer: Unchecked<BegunCall['payer']> = { api_key_id, embed_key_id, end_user };
  const spend: Unchecked<BegunCall['spend']> = {
    ...{ cost, price_version, own_key_id, charges },
    ...{ cache_write_1h_tokens, reasoning_tokens, exceeded },
  };
  return {
    ...{ id, org_id, project_id, session_id, turn_id, payer, org_grant, provider, model },
    ...{ input_tokens, cache_read_tokens, cache_write_tokens, output_tokens },
    ...{ estimated, paid_by, spend, at },
  };
}

/** All its fields, of any type: one that is added to the schema must have its place here. */
type Unchecked<Type> = { [Field in keyof Type]: unknown };
