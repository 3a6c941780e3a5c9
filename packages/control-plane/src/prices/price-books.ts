import { isoTime, type PriceBookWire, type PriceEntry } from '@karta/protocol';
import { BUILT_IN_PRICES } from '@karta/protocol/built-in-prices';
import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';
import type { PriceOverrideRow } from './tables.ts';

/** The price books of this server: the built-in one with what operators have set beside it. */
export interface PriceBooks {
  /** Of the book in force. */
  version(): Promise<string>;
  /** The book in force. */
  current(): Promise<PriceBookWire>;
}

/** Reads the database at each call; the book itself is put together once for each version. */
export function createPriceBooks(database: Database): PriceBooks {
  let known: { seq: number; book: PriceBookWire } = { seq: 0, book: BUILT_IN_PRICES };
  return {
    version: async () => versionAt(await lastSeq(database)),
    async current() {
      const seq = await lastSeq(database);
      if (seq > known.seq) known = { seq, book: await bookAt(database, seq) };
      return known.book;
    },
  };
}

/** The built-in list and how much has been set beside it: both name a book together. */
export function versionAt(seq: number): string {
  return seq === 0 ? BUILT_IN_PRICES.version : `${BUILT_IN_PRICES.version}+${seq}`;
}

async function lastSeq(database: Database): Promise<number> {
  const { rows } = await sql<{ seq: number | null }>`
    select max(seq) as seq from price_overrides`.execute(database);
  return rows[0]?.seq ?? 0;
}

async function bookAt(database: Database, seq: number): Promise<PriceBookWire> {
  const rows = await database
    .selectFrom('price_overrides')
    .selectAll()
    .where('seq', '<=', seq)
    .orderBy('seq')
    .execute();
  return {
    version: versionAt(seq),
    entries: [...BUILT_IN_PRICES.entries, ...rows.map(entryOf)],
  };
}

function entryOf(row: PriceOverrideRow): PriceEntry {
  const { provider, model, price } = row;
  const effective_from = isoTime(row.effective_from);
  return { provider, model, effective_from, source: 'operator', price };
}
