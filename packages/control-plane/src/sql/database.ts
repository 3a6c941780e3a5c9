import { join } from 'node:path';
import { migrateFolder, NamingClient } from '@karta/postgres';
import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import type { ControlTables } from './schema.ts';

/** Connections of one control plane. The embedded server takes 40 in all. */
const MAX_CONNECTIONS = 12;

/** Of these the application role may only read and insert. */
const APPEND_ONLY: readonly string[] = [
  'audit_events',
  'audit_signed_heads',
  'audit_keys',
  'price_overrides',
];

export type Database = Kysely<ControlTables>;
export type Tx = Transaction<ControlTables>;

/** Opens the control plane's database. `onError` hears of idle connections that broke. */
export function openDatabase(url: string, onError: (error: Error) => void): Database {
  const pool = new pg.Pool({ connectionString: url, max: MAX_CONNECTIONS, Client: NamingClient });
  pool.on('error', onError);
  return new Kysely<ControlTables>({ dialect: new PostgresDialect({ pool }) });
}

/** Brings the schema up to date as its owner, and lets the application role use it. */
export async function migrateControlPlane(ownerUrl: string, applicationUrl: string): Promise<void> {
  const folder = join(import.meta.dirname, 'migrations');
  await migrateFolder(folder, ownerUrl, applicationUrl, APPEND_ONLY);
}
