import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provisionDatabase, startPostgres } from '@karta/postgres';
import pg from 'pg';
import { type Database, migrateControlPlane, openDatabase } from './database.ts';

/** A migrated control plane database on an embedded server of its own. */
export interface TestDatabase {
  /** Of the application role, as in production. */
  database: Database;
  ownerUrl: string;
  applicationUrl: string;
  /** Runs SQL as the role that owns the schema, as somebody who broke into the database could. */
  asOwner(statement: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts one for a test file; tests keep apart by making orgs of their own. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const home = await mkdtemp(join(tmpdir(), 'karta-test-db-'));
  const server = await startPostgres({ home });
  const { ownerUrl, applicationUrl } = await provisionDatabase(server, 'karta_control');
  await migrateControlPlane(ownerUrl, applicationUrl);
  const database = openDatabase(applicationUrl, () => {});
  return {
    database,
    ownerUrl,
    applicationUrl,
    async asOwner(statement) {
      const client = new pg.Client({ connectionString: ownerUrl });
      await client.connect();
      try {
        await client.query(statement);
      } finally {
        await client.end();
      }
    },
    close: async () => {
      await database.destroy();
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
