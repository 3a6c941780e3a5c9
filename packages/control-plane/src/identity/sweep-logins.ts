import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';
import type { LoginTables } from './login-tables.ts';

/** Drops logins and one-time values that have run out. */
export async function sweepLogins(
  database: Database,
  { prefix, devices }: LoginTables,
): Promise<void> {
  const tables = [`${prefix}_logins`, `${prefix}_verifications`];
  if (devices) tables.push(`${prefix}_device_codes`);
  for (const table of tables) {
    await sql`delete from ${sql.table(table)} where expires_at < now()`.execute(database);
  }
}
