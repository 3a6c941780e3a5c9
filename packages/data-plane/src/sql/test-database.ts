import { makeOwnDatabase } from '@karta/postgres/testing';
import { sql } from 'kysely';
import { type Database, openDatabase } from './database.ts';
import { migrateDataPlane } from './migrate.ts';

/** A migrated data plane database of its own. */
export interface TestDatabase {
  database: Database;
  ownerUrl: string;
  applicationUrl: string;
  /** Empties every table. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Makes one for a test file. The connection is the application role's, as in production. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const own = await makeOwnDatabase('karta_data', migrateDataPlane);
  const { ownerUrl, applicationUrl } = own;
  const database = openDatabase(applicationUrl, () => {});
  return {
    database,
    ownerUrl,
    applicationUrl,
    reset: async () => {
      const owner = openDatabase(ownerUrl, () => {});
      await sql`truncate sessions, session_metadata, routing_locks, participants, turns, inputs,
        grants, idempotency_keys, outbox`.execute(owner);
      await owner.destroy();
    },
    close: async () => {
      await database.destroy();
      await own.close();
    },
  };
}
