import { migrateDataPlane } from '@karta/data-plane';
import { PostgresError, provisionDatabase, startPostgres } from '@karta/postgres';
import { CliError } from '../cli-error.ts';

const DATABASE = 'karta_data';

export interface Database {
  /** URL of the data plane's role, which owns nothing. */
  url: string;
  /** Resolves when the server ends; never for one of the operator's own. */
  exited: Promise<void>;
  stop(): Promise<void>;
}

/**
 * The data plane's database with its schema up to date: the one that `ownUrl` names
 * (`KARTA_DATA_DATABASE_URL`), else an embedded PostgreSQL. Throws `CliError`.
 */
export async function startDatabase(
  home: string,
  ownUrl: string | undefined,
  log: (line: string) => void,
): Promise<Database> {
  try {
    if (ownUrl !== undefined && ownUrl !== '') {
      await migrateDataPlane(ownUrl, ownUrl);
      return { url: ownUrl, exited: new Promise(() => undefined), stop: async () => {} };
    }
    const server = await startPostgres({ home, log: (line) => log(`postgres: ${line}`) });
    try {
      const { ownerUrl, applicationUrl } = await provisionDatabase(server, DATABASE);
      await migrateDataPlane(ownerUrl, applicationUrl);
      return { url: applicationUrl, exited: server.exited, stop: () => server.stop() };
    } catch (error) {
      await server.stop();
      throw error;
    }
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    throw new CliError(
      error.code === 'in_use' ? 'busy' : 'machine',
      error.message,
      'Run "karta doctor" to see what this machine has.',
      { cause: error },
    );
  }
}
