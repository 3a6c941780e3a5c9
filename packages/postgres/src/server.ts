import { mkdir, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findBinaries } from './binaries.ts';
import { lockCluster } from './cluster-lock.ts';
import { PostgresError } from './errors.ts';
import { initialize, SUPERUSER } from './initialize.ts';
import { Passwords } from './passwords.ts';
import { endProcessesOver } from './processes.ts';
import { chooseUser } from './run-as.ts';
import { makeSocketFolder } from './socket-folder.ts';
import { spawnServer } from './spawn-server.ts';

export interface EmbeddedOptions {
  /** Karta's home: the cluster goes to `postgres/`, the passwords to `secrets/postgres.json`. */
  home: string;
  /** Receives each line the server logs. It logs no statements. */
  log?: (line: string) => void;
  /** Settings of the server other than its usual ones. */
  settings?: Readonly<Record<string, string>>;
}

/** A running server of our own. It ends when this process ends, however that ends. */
export interface EmbeddedPostgres {
  readonly pid: number;
  readonly socketFolder: string;
  readonly passwords: Passwords;
  /** URL of the superuser for `database`; only for making databases and roles. */
  superuserUrl(database: string): Promise<string>;
  /** Resolves when the server has ended, by `stop` or by itself. */
  readonly exited: Promise<void>;
  /** Fast shutdown: clients are disconnected, everything committed is on disk. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded PostgreSQL of a home on a unix socket, with no TCP port. Makes the cluster
 * at first, and clears away what a killed predecessor left. Throws `PostgresError`; `in_use` when
 * another live process serves this home.
 */
export async function startPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const folder = join(options.home, 'postgres');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const dataDir = join(await realpath(folder), 'data');
  const unlock = await lockCluster(dataDir);
  try {
    const user = await chooseUser(dataDir);
    const binaries = await findBinaries(user, join(options.home, 'cache'));
    const passwords = await Passwords.open(join(options.home, 'secrets', 'postgres.json'));
    await endProcessesOver(dataDir);
    if (!(await exists(join(dataDir, 'PG_VERSION')))) {
      await initialize(dataDir, binaries, user, await passwords.of(SUPERUSER));
    } else if (!passwords.has(SUPERUSER)) {
      throw new PostgresError(
        'secrets_lost',
        `The database in ${dataDir} exists, but its passwords in ${options.home}/secrets are gone. Restore them from a backup.`,
      );
    }
    // Nothing of this cluster runs, so a pid file can only be stale. PostgreSQL itself would refuse
    // to start when its number now belongs to another process of the same user.
    await rm(join(dataDir, 'postmaster.pid'), { force: true });
    const socketFolder = await makeSocketFolder(dataDir, user);
    const server = await spawnServer({
      binary: binaries.postgres,
      dataDir,
      socketFolder,
      user,
      log: options.log ?? (() => {}),
      settings: options.settings ?? {},
    });
    const released = server.exited
      .then(() => rm(socketFolder, { recursive: true, force: true }))
      .finally(unlock);
    return {
      pid: server.pid,
      exited: released,
      stop: async () => {
        await server.stop();
        await released;
      },
      socketFolder,
      passwords,
      superuserUrl: async (database) =>
        socketUrl(socketFolder, SUPERUSER, await passwords.of(SUPERUSER), database),
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** A PostgreSQL URL over a unix socket. */
export function socketUrl(
  folder: string,
  role: string,
  password: string,
  database: string,
): string {
  return `postgresql://${role}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(folder)}`;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
