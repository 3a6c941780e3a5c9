import { join } from 'node:path';
import { migrate, readMigrations } from '@karta/postgres';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { NamingClient } from './named-statements.ts';
import type { DataTables } from './schema.ts';

/** Connections of one data plane. The embedded server takes 40 in all. */
const MAX_CONNECTIONS = 16;

export type Database = Kysely<DataTables>;

/** Opens the data plane's database. `onError` hears of idle connections that broke. */
export function openDatabase(url: string, onError: (error: Error) => void): Database {
  const pool = new pg.Pool({ connectionString: url, max: MAX_CONNECTIONS, Client: NamingClient });
  pool.on('error', onError);
  return new Kysely<DataTables>({ dialect: new PostgresDialect({ pool }) });
}

/**
 * Brings the schema up to date as its owner, and lets the application role use it. The two may be
 * the same role, on a server of the operator's own.
 */
export async function migrateDataPlane(ownerUrl: string, applicationUrl: string): Promise<void> {
  const migrations = await readMigrations(join(import.meta.dirname, 'migrations'));
  const owner = roleOf(ownerUrl);
  const application = roleOf(applicationUrl);
  await migrate(ownerUrl, migrations, owner === application ? {} : { grantTo: application });
}

function roleOf(url: string): string {
  return decodeURIComponent(new URL(url.replace('@/', '@localhost/')).username);
}
