import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';

/**
 * The folder for the sockets of one home. It is short whatever the home's path, since a socket's
 * path holds 107 bytes at most. Others may pass through it as root, because the doors run as a user
 * of their own, but nobody can list it.
 */
export async function makeRuntimeFolder(
  home: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 8);
  const candidates = [
    ...(uid === 0 ? [`/run/karta-${hash}`] : []),
    ...(uid !== 0 && env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, `karta-${hash}`)] : []),
    `/tmp/karta-${uid}-${hash}`,
  ];
  const failures: string[] = [];
  for (const folder of candidates) {
    try {
      await claim(folder, uid);
      return folder;
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new CliError(
    'machine',
    'No folder for sockets could be made',
    'Make one of these places writable, or set XDG_RUNTIME_DIR.',
    { details: failures },
  );
}

async function claim(folder: string, uid: number): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(folder);
  // In a folder such as /tmp somebody else may have been first.
  if (!found.isDirectory() || found.uid !== uid) {
    throw new Error(`${folder} belongs to somebody else`);
  }
  await chmod(folder, uid === 0 ? 0o711 : 0o700);
}
