import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type ControlGroups, openControlGroups } from './cgroup/control-groups.ts';
import { hierarchyMounts } from './cgroup/mounts.ts';
import { missingPackages, NEEDED_FOR_IMAGES, program } from './programs.ts';
import { systemCallFilter } from './seccomp/filter.ts';
import { makeImage } from './volume/image.ts';

const run = promisify(execFile);

/** What this machine gives to sandboxes, found out by trying. */
export interface Machine {
  /** Whether the platform is root, so that each sandbox gets a user of its own. */
  root: boolean;
  groups: ControlGroups | null;
  /** Volumes are file systems with a hard size. */
  images: boolean;
  filter: Buffer | null;
  /** For people, one line each. */
  notes: string[];
  problems: string[];
}

/** Tries the machine out. Makes and removes a small image below `home`. */
export async function examineMachine(home: string, wantImages: boolean): Promise<Machine> {
  const root = process.getuid?.() === 0;
  const notes: string[] = [root ? 'root: a user per sandbox' : 'without root'];
  const problems: string[] = [];
  if (!root) {
    problems.push('sandboxes share the user of the platform; run it as root for a user each');
  }
  const groups = await anyGroups(home);
  if ('missing' in groups) {
    problems.push(`${groups.missing}: memory and processes are limited per process only`);
  } else notes.push(`limits: ${groups.description}`);
  const images = root ? (wantImages ? await tryImage(home) : 'as configured') : 'needs root';
  if (images === null) notes.push('disk: a file system of fixed size per volume');
  else problems.push(`disk quota by watching only (${images})`);
  const filter = systemCallFilter(process.arch);
  if (filter === null) problems.push(`no system-call filter for ${process.arch}`);
  else notes.push('system calls are filtered');
  return {
    root,
    groups: 'missing' in groups ? null : groups,
    images: images === null,
    filter,
    notes,
    problems,
  };
}

/** Name of the control group that holds those of all sandboxes of a home. */
export function groupName(home: string): string {
  return `karta-${createHash('sha256').update(home).digest('hex').slice(0, 8)}`;
}

/** Groups at the top when we may, else beside our own, as systemd delegates to a user's services. */
async function anyGroups(home: string): Promise<ControlGroups | { missing: string }> {
  const mounts = await hierarchyMounts();
  const name = groupName(home);
  const top = await openControlGroups(mounts, name);
  if (!('missing' in top) || mounts.v2 === null) return top;
  const own = /^0::(.*)$/m.exec(await readFile('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  const beside = await openControlGroups(
    { v1: new Map(), v2: join(mounts.v2, dirname(own)) },
    name,
  );
  return 'missing' in beside ? top : beside;
}

/** Why no image can be mounted, or `null` when it can. */
async function tryImage(home: string): Promise<string | null> {
  const missing = missingPackages(NEEDED_FOR_IMAGES);
  if (missing.length > 0) return `${missing.join(', ')} is not installed`;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home, 'try-image-'));
  try {
    const image = join(folder, 'image');
    await makeImage(image, 1);
    await run(
      program('unshare'),
      [
        ...['--mount', '--propagation', 'private', '--'],
        ...[program('mount'), '-t', 'ext4', '-o', 'loop,nosuid,nodev,discard', image, folder],
      ],
      { env: {} },
    );
    return null;
  } catch (error) {
    return `no loop device: ${(error as Error).message.split('\n').at(1) ?? 'mount failed'}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
