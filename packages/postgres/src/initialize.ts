import { spawn } from 'node:child_process';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { PostgresError } from './errors.ts';
import { commandAs, type RunAs } from './run-as.ts';

/** The role that may do everything; used to make databases and roles, by nothing else. */
export const SUPERUSER = 'karta';

/**
 * The data folder as the server's processes name it. They start inside the folder, so that they
 * need no right to walk to it: a home may lie below folders (`/root`) that are closed to their user.
 */
export const HERE = '/proc/self/cwd';

/** All that the server's processes see of the environment. */
export const SERVER_ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Makes a cluster at `dataDir`, whole or not at all. Throws `PostgresError('init_failed')`. */
export async function initialize(
  dataDir: string,
  binaries: Binaries,
  user: RunAs | null,
  password: string,
): Promise<void> {
  const parent = dirname(dataDir);
  const partial = `${dataDir}.new`;
  const passwordFile = join(parent, 'password');
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user) {
    for (const path of [parent, partial, passwordFile]) await chown(path, user.uid, user.gid);
  }
  try {
    await runInitdb(binaries, user, partial);
    await rename(partial, dataDir);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(partial, { recursive: true, force: true });
  }
}

async function runInitdb(binaries: Binaries, user: RunAs | null, folder: string): Promise<void> {
  const argv = [
    binaries.initdb,
    '-D',
    HERE,
    '-U',
    SUPERUSER,
    '--auth=scram-sha-256',
    `--pwfile=${HERE}/../password`,
    '--encoding=UTF8',
    // The built-in provider sorts the same on every machine and needs no locale of the system.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
  ];
  const [command, args] = commandAs(user, argv, { endWithParent: true });
  const child = spawn(command, args, {
    cwd: folder,
    env: SERVER_ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new PostgresError('init_failed', `initdb did not start: ${cause.message}`, { cause }));
    });
    child.once('close', resolve);
  });
  if (code !== 0) throw new PostgresError('init_failed', `initdb failed: ${complaint.trim()}`);
}
