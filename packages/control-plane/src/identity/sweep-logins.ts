import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';
import type { LoginTables } from './login-tables.ts';

/** Drops logins and one-time values that have run out. */
export async function sweepLogins(database: Database, { prefix }: LoginTables): Promise<void> {
  for (const table of [`${prefix}_logins`, `${prefix}_verifications`]) {
    await sql`delete from ${sql.table(table)} where expires_at < now()`.execute(database);
  }
}
