import { join } from 'node:path';
import { migrateFolder, NamingClient } from '@karta/postgres';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
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
  await migrateFolder(join(import.meta.dirname, 'migrations'), ownerUrl, applicationUrl);
}
