import { NamingClient } from '@karta/postgres';
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
