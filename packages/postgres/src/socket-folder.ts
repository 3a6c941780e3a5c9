import { createHash } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PostgresError } from './errors.ts';
import type { RunAs } from './run-as.ts';

/** `sun_path` holds 108 bytes with its end; `/.s.PGSQL.5432` takes 14. */
const MAX_FOLDER_BYTES = 107 - 14;

/**
 * The folder of the server's socket: short whatever the length of the data folder's path, of its
 * own for each cluster, and open to nobody but the server's user (and root).
 */
export async function makeSocketFolder(dataDir: string, user: RunAs | null): Promise<string> {
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const uid = user?.uid ?? process.getuid?.() ?? 0;
  const runtime = process.env.XDG_RUNTIME_DIR;
  const candidates = user
    ? [`/run/karta-pg-${hash}`, `/tmp/karta-pg-${hash}`]
    : [...(runtime ? [join(runtime, `karta-pg-${hash}`)] : []), `/tmp/karta-pg-${uid}-${hash}`];
  let last: unknown;
  for (const folder of candidates) {
    if (Buffer.byteLength(folder) > MAX_FOLDER_BYTES) continue;
    try {
      await claim(folder, uid, user);
      return folder;
    } catch (error) {
      last = error;
    }
  }
  throw new PostgresError(
    'start_failed',
    `No folder for the database socket could be made: ${candidates.join(', ')}.`,
    { cause: last },
  );
}

async function claim(folder: string, uid: number, user: RunAs | null): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(folder);
  const mine = found.uid === uid || found.uid === process.getuid?.();
  // In a folder such as /tmp somebody else may have been first.
  if (!found.isDirectory() || !mine) throw new Error(`${folder} belongs to somebody else`);
  if (user) await chown(folder, user.uid, user.gid);
  await chmod(folder, 0o700);
  // No process of this cluster lives: what a killed one left here would only be in the way.
  for (const name of await readdir(folder)) {
    if (name.startsWith('.s.PGSQL.')) await rm(join(folder, name));
  }
}
