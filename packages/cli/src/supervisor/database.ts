import { chmod, chown, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { migrateControlPlane } from '@karta/control-plane';
import { migrateDataPlane } from '@karta/data-plane';
import {
  type DatabaseAccess,
  type EmbeddedPostgres,
  PostgresError,
  provisionDatabase,
  startPostgres,
} from '@karta/postgres';
import { CliError } from '../cli-error.ts';
import { CONTROL_UID } from './control-plane.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The group may pass through and connect, not look or change. */
const GROUP_FOLDER_MODE = 0o710;
const GROUP_SOCKET_MODE = 0o770;

/** The two databases. Neither role of one can open the other. */
const DATABASES = {
  control: {
    name: 'karta_control',
    url: 'KARTA_CONTROL_DATABASE_URL',
    ownerUrl: 'KARTA_CONTROL_DATABASE_OWNER_URL',
    migrate: migrateControlPlane,
  },
  data: {
    name: 'karta_data',
    url: 'KARTA_DATA_DATABASE_URL',
    ownerUrl: 'KARTA_DATA_DATABASE_OWNER_URL',
    migrate: migrateDataPlane,
  },
} as const;
export type DatabaseName = keyof typeof DATABASES;

/** The databases of a server, or of one plane of it, with their schemas up to date. */
export interface Databases<Name extends DatabaseName> {
  /** URLs of the roles that the planes use, which own nothing. */
  urls: Readonly<Record<Name, string>>;
  /** Resolves when the embedded server ends; never when all are the operator's own. */
  exited: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Opens the databases by the names of their planes: those that the environment names
 * (`KARTA_CONTROL_DATABASE_URL`, `KARTA_DATA_DATABASE_URL`), the others in an embedded PostgreSQL.
 * Throws `CliError`.
 */
export async function startDatabases<Name extends DatabaseName>(
  names: readonly Name[],
  { home, environment, log }: { home: string; environment: Environment; log(line: string): void },
): Promise<Databases<Name>> {
  let embedded: EmbeddedPostgres | null = null;
  try {
    const given = names.map((name) => [name, givenAccess(name, environment)] as const);
    if (given.some(([, access]) => access === null)) {
      embedded = await startPostgres({ home, log: (line) => log(`postgres: ${line}`) });
    }
    if (embedded !== null && names.some((name) => name === 'control')) {
      await letIn(embedded.socketFolder, CONTROL_UID);
    }
    const urls: Partial<Record<Name, string>> = {};
    for (const [name, own] of given) {
      const access = own ?? (embedded && (await provisionDatabase(embedded, DATABASES[name].name)));
      if (access === null) throw new Error(`the database of ${name} is nowhere`);
      await DATABASES[name].migrate(access.ownerUrl, access.applicationUrl);
      urls[name] = access.applicationUrl;
    }
    return {
      urls: urls as Record<Name, string>,
      exited: embedded?.exited ?? new Promise(() => undefined),
      stop: async () => embedded?.stop(),
    };
  } catch (error) {
    await embedded?.stop();
    if (!(error instanceof PostgresError)) throw error;
    throw new CliError(
      error.code === 'in_use' ? 'busy' : 'machine',
      error.message,
      'Run "karta doctor" to see what this machine has.',
      { cause: error },
    );
  }
}

/**
 * Lets a group connect to the embedded server beside the user that it runs as; roles and passwords
 * are asked for all the same. Of a server that is not root everything runs as one user.
 */
async function letIn(socketFolder: string, gid: number): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid } = await stat(socketFolder);
  for (const name of await readdir(socketFolder)) {
    if (!/^\.s\.PGSQL\.\d+$/.test(name)) continue;
    const socket = join(socketFolder, name);
    await chown(socket, uid, gid);
    await chmod(socket, GROUP_SOCKET_MODE);
  }
  await chown(socketFolder, uid, gid);
  await chmod(socketFolder, GROUP_FOLDER_MODE);
}

/** A database of the operator's own; its role may be owner and application in one. */
function givenAccess(name: DatabaseName, environment: Environment): DatabaseAccess | null {
  const { url, ownerUrl } = DATABASES[name];
  const applicationUrl = environment[url];
  if (applicationUrl === undefined || applicationUrl === '') return null;
  return { applicationUrl, ownerUrl: environment[ownerUrl] || applicationUrl };
}
