import { isoTime, KartaError, type OperatorPrice, type SetPriceBody } from '@karta/protocol';
import { sql } from 'kysely';
import { recordAudit } from '../audit/record.ts';
import type { Operator } from '../http/actor.ts';
import { platformActor } from '../operator/operators.ts';
import type { Database } from '../sql/database.ts';
import { violates } from '../sql/violation.ts';
import type { PriceOverrideRow } from './tables.ts';

/** Two that set a price at once would take the same number: how often the later one tries again. */
const ATTEMPTS = 10;
/** So many prices may be set beside the built-in ones. */
const MAX_PRICES = 5_000;
/** How far the operator's clock may be behind, in ms. */
const CLOCK_SKEW_MS = 60_000;

/**
 * Sets a price from a moment on; calls that began before keep theirs. Numbers have no gap, so that a
 * version always names the same book. Throws `KartaError('validation_failed')` for a moment in the
 * past.
 */
export async function setPrice(
  database: Database,
  by: Operator,
  body: SetPriceBody,
  now = new Date(),
): Promise<OperatorPrice> {
  const from = body.effective_from === undefined ? now : new Date(body.effective_from);
  if (from.getTime() < now.getTime() - CLOCK_SKEW_MS) {
    throw invalid('/effective_from', 'must not be in the past: what calls cost does not change');
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await insert(database, by, body, from, now);
    } catch (error) {
      if (attempt === ATTEMPTS || !violates(error, 'price_overrides_pkey')) throw error;
    }
  }
}

function insert(
  database: Database,
  by: Operator,
  body: SetPriceBody,
  from: Date,
  now: Date,
): Promise<OperatorPrice> {
  const { provider, model, price } = body;
  return database.transaction().execute(async (tx) => {
    const { rows } = await sql<PriceOverrideRow>`
      insert into price_overrides
        (seq, provider, model, effective_from, price, made_by, created_at)
      select coalesce(max(seq), 0) + 1, ${provider}, ${model}, ${from}::timestamptz,
        ${JSON.stringify(price)}::jsonb, ${by.id}, ${now}::timestamptz
      from price_overrides having coalesce(max(seq), 0) < ${MAX_PRICES}
      returning *`.execute(tx);
    const [row] = rows;
    if (row === undefined) throw invalid('', `at most ${MAX_PRICES} prices can be set`);
    const effective_from = isoTime(from);
    await recordAudit(tx, {
      actor: platformActor(by),
      action: 'prices.set',
      target: { kind: 'price', id: String(row.seq) },
      details: { provider, model, effective_from, price },
    });
    return shownPrice(row);
  });
}

/** Every price that operators have set, in the order in which they did. */
export async function listSetPrices(database: Database): Promise<OperatorPrice[]> {
  const rows = await database.selectFrom('price_overrides').selectAll().orderBy('seq').execute();
  return rows.map(shownPrice);
}

function shownPrice(row: PriceOverrideRow): OperatorPrice {
  const { seq, provider, model, price, made_by } = row;
  const effective_from = isoTime(row.effective_from);
  return {
    seq,
    provider,
    model,
    effective_from,
    price,
    made_by,
    created_at: isoTime(row.created_at),
  };
}

function invalid(pointer: string, message: string): KartaError {
  return new KartaError('validation_failed', `The price ${message}.`, {
    extra: { errors: [{ pointer, message }] },
  });
}
