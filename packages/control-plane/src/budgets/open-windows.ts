import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';
import type { BudgetRow } from './tables.ts';
import { type WindowBounds, windowAt } from './window.ts';

/** A window of one object, to be added to. */
export interface WindowEntry {
  budget: BudgetRow;
  subject: string;
  bounds: WindowBounds;
  /** Added to what was spent. */
  add: bigint;
}

/** A window as it stands, locked until the transaction ends. */
export interface OpenWindow extends Omit<WindowEntry, 'add'> {
  spent: bigint;
  told: number;
  exhaustedTold: boolean;
}

export function windowEntry(budget: BudgetRow, subject: string, at: Date, add = 0n): WindowEntry {
  return { budget, subject, bounds: windowAt(budget.period, at), add };
}

/** Names a window among others. */
export function windowKey({ budget, subject, bounds }: Omit<WindowEntry, 'add'>): string {
  return JSON.stringify([budget.id, subject, bounds.start.getTime()]);
}

/**
 * Opens these windows or finds them, adds to what was spent, and locks them: in the order of their
 * keys, so that two transactions never wait for each other in a circle. A window that is opened here
 * begins at nothing: what was spent before its budget was made has been counted then. Gives back the
 * windows that were opened or added to; one that is only locked is not written.
 */
export async function openWindows(tx: Tx, entries: readonly WindowEntry[]): Promise<OpenWindow[]> {
  if (entries.length === 0) return [];
  const merged = new Map<string, WindowEntry>();
  for (const entry of entries) {
    const key = windowKey(entry);
    const known = merged.get(key);
    merged.set(key, known === undefined ? entry : { ...known, add: known.add + entry.add });
  }
  const asked = [...merged.values()].map(({ budget, subject, bounds, add }) => ({
    budget_id: budget.id,
    subject,
    starts_at: bounds.start,
    ends_at: bounds.end,
    spent: add.toString(),
  }));
  const { rows } = await sql<{
    budget_id: string;
    subject: string;
    starts_at: Date;
    spent: string;
    told: number;
    exhausted_told: boolean;
  }>`
    insert into budget_windows (budget_id, subject, starts_at, ends_at, spent)
    select * from json_to_recordset(${JSON.stringify(asked)}::json) as entry (
      budget_id text, subject text, starts_at timestamptz, ends_at timestamptz, spent numeric)
    order by budget_id, subject, starts_at
    on conflict (budget_id, subject, starts_at)
      do update set spent = budget_windows.spent + excluded.spent where excluded.spent <> 0
    returning budget_id, subject, starts_at, spent, told, exhausted_told`.execute(tx);
  return rows.map((row) => {
    const key = JSON.stringify([row.budget_id, row.subject, row.starts_at.getTime()]);
    const entry = merged.get(key);
    if (entry === undefined) throw new Error(`a window that nobody asked for: ${key}`);
    const { budget, subject, bounds } = entry;
    const { told, exhausted_told: exhaustedTold } = row;
    return { budget, subject, bounds, spent: BigInt(row.spent), told, exhaustedTold };
  });
}
