import { makeOwnDatabase } from '@karta/postgres/testing';
import pg from 'pg';
import { type Database, openDatabase } from './database.ts';
import { migrateControlPlane } from './migrate.ts';

/** A migrated control plane database of its own. */
export interface TestDatabase {
  /** Of the application role, as in production. */
  database: Database;
  ownerUrl: string;
  applicationUrl: string;
  /** Runs SQL as the role that owns the schema, as somebody who broke into the database could. */
  asOwner(statement: string): Promise<void>;
  close(): Promise<void>;
}

/** Makes one for a test file; tests keep apart by making orgs of their own. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const own = await makeOwnDatabase('karta_control', migrateControlPlane);
  const { ownerUrl, applicationUrl } = own;
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
      await own.close();
    },
  };
}
