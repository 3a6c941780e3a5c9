import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provisionDatabase, startPostgres } from '@karta/postgres';
import { sql } from 'kysely';
import { type Database, migrateDataPlane, openDatabase } from './database.ts';

/** A migrated data plane database on an embedded server of its own. */
export interface TestDatabase {
  database: Database;
  ownerUrl: string;
  applicationUrl: string;
  /** Empties every table. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Starts one for a test file. The connection is the application role's, as in production. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const home = await mkdtemp(join(tmpdir(), 'karta-test-db-'));
  const server = await startPostgres({ home });
  const { ownerUrl, applicationUrl } = await provisionDatabase(server, 'karta_data');
  await migrateDataPlane(ownerUrl, applicationUrl);
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
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
