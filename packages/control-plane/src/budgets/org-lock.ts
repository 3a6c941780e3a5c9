import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';

/**
 * Keeps the set of budgets of these orgs as it is until the transaction ends: taken by whatever
 * counts against them, in any number at once. A row lock, not an advisory one: PostgreSQL-compatible
 * engines have it too.
 */
export async function holdBudgets(tx: Tx, orgIds: readonly string[]): Promise<void> {
  await sql`select 1 from orgs where id = any (${orgIds}) order by id for share`.execute(tx);
}

/**
 * Waits for all who hold the org's budgets, and keeps others out: taken by whoever changes them,
 * before anything else, and not in the way of rows that merely name the org.
 */
export async function lockBudgets(tx: Tx, orgId: string): Promise<void> {
  await sql`select 1 from orgs where id = ${orgId} for no key update`.execute(tx);
}
