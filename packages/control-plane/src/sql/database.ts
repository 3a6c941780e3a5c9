import { NamingClient } from '@karta/postgres';
import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import type { ControlTables } from './schema.ts';

/** Connections of one control plane. The embedded server takes 40 in all. */
const MAX_CONNECTIONS = 12;

export type Database = Kysely<ControlTables>;
export type Tx = Transaction<ControlTables>;

/** Opens the control plane's database. `onError` hears of idle connections that broke. */
export function openDatabase(url: string, onError: (error: Error) => void): Database {
  const pool = new pg.Pool({ connectionString: url, max: MAX_CONNECTIONS, Client: NamingClient });
  pool.on('error', onError);
  return new Kysely<ControlTables>({ dialect: new PostgresDialect({ pool }) });
}
