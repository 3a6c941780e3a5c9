import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Absolute paths only: what is started as root must not depend on a search path. */
const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

/** Programs the driver needs, with the Debian package that has them. */
export const NEEDED = {
  bwrap: 'bubblewrap',
  socat: 'socat',
  sh: 'dash',
  env: 'coreutils',
  setsid: 'util-linux',
  flock: 'util-linux',
  prlimit: 'util-linux',
} as const;

/** Needed besides when the platform is root. */
export const NEEDED_AS_ROOT = {
  setpriv: 'util-linux',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  umount: 'mount',
} as const;

/** Needed for volumes with a hard quota. */
export const NEEDED_FOR_IMAGES = { 'mkfs.ext4': 'e2fsprogs', 'fsck.ext4': 'e2fsprogs' } as const;

/** Where a program is, or `null`. */
export function findProgram(name: string): string | null {
  for (const folder of FOLDERS) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder: the next one.
    }
  }
  return null;
}

/** Where a program is that the probe has found. Throws when it has gone since. */
export function program(name: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`${name} is not installed`);
  return path;
}

/** Debian packages to install for the programs of these tables that are absent. */
export function missingPackages(...tables: Readonly<Record<string, string>>[]): string[] {
  const missing = tables
    .flatMap((table) => Object.entries(table))
    .filter(([name]) => findProgram(name) === null)
    .map(([, packageName]) => packageName);
  return [...new Set(missing)].sort();
}
