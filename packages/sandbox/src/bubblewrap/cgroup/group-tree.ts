import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { killAll, removeGroup, setControl } from './group-folder.ts';

/**
 * The groups of one home, in one hierarchy: `karta-<hash>/<org>/<sandbox>`. The kernel shares the
 * processor between groups that lie side by side, so orgs share it equally however many sandboxes each has,
 * and an org's sandboxes share what is the org's. A group above goes with the last one in it.
 */
export interface GroupTree {
  /** The group of the home. */
  readonly root: string;
  /** Throws when groups cannot be made here. */
  check(): Promise<void>;
  /** Makes a sandbox's group, and those above it, and tells where it is. */
  make(org: string, name: string): Promise<string>;
  /** Ends all in a sandbox's group and removes it. Absent is fine. */
  remove(org: string, name: string): Promise<void>;
  /** Ends and removes all groups of sandboxes but these, and groups that hold none. */
  reap(keep: ReadonlySet<string>): Promise<void>;
}

/** The group of a home, by a digest of its path. */
const HOME_GROUP = /^karta-[0-9a-f]{8}$/;
/** Another process may remove a group above, as empty, while one is made in it. */
const MAKE_ATTEMPTS = 100;
/** A start removes so many groups that other homes have left, and the next one goes on. */
const SWEEP_LIMIT = 500;

/** `enable`: what each group above hands down, of version 2; `null` of version 1, where all is. */
export function groupTree(root: string, enable: string | null): GroupTree {
  async function makeAbove(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    if (enable !== null) await setControl(folder, 'cgroup.subtree_control', enable);
  }

  async function make(org: string, name: string): Promise<string> {
    const folder = join(root, org, name);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await makeAbove(root);
        await makeAbove(join(root, org));
        await mkdir(folder, { recursive: true });
        return folder;
      } catch (error) {
        if (attempt === MAKE_ATTEMPTS || !isOneOf(error, ['ENOENT', 'ENODEV'])) throw error;
      }
    }
  }

  async function remove(org: string, name: string): Promise<void> {
    await killAll(join(root, org, name));
    await removeGroup(join(root, org, name));
    if (await removeEmpty(join(root, org))) await removeEmpty(root);
  }

  return {
    root,
    async check() {
      await makeAbove(root);
      await removeEmpty(root);
    },
    make,
    remove,
    async reap(keep) {
      for (const org of await childGroups(root)) {
        for (const name of await childGroups(join(root, org))) {
          if (!keep.has(name)) await remove(org, name);
        }
        if (keep.has(org)) continue;
        // What has processes of its own is a sandbox's, made before orgs had groups.
        if (!(await removeEmpty(join(root, org)))) await endDirect(join(root, org));
      }
      await removeEmpty(root);
    },
  };
}

/** Removes groups that other homes have left here and that hold nothing, a limited number at a time. */
export async function sweepHomes(mount: string): Promise<void> {
  let removed = 0;
  for (const name of await childGroups(mount)) {
    if (!HOME_GROUP.test(name)) continue;
    if (await removeEmpty(join(mount, name))) removed += 1;
    if (removed === SWEEP_LIMIT) return;
  }
}

/** Removes a group if it holds nothing; whether it is gone. */
async function removeEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (isOneOf(error, ['ENOENT'])) return true;
    // Somebody else's to remove, or not empty.
    if (isOneOf(error, ['EBUSY', 'ENOTEMPTY', 'EACCES', 'EPERM'])) return false;
    throw error;
  }
}

/** Ends what is in the group itself, where it has no groups below, and removes it. */
async function endDirect(folder: string): Promise<void> {
  if ((await childGroups(folder)).length > 0) return;
  await killAll(folder);
  await removeGroup(folder);
}

/** Names of the groups in a group. */
async function childGroups(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isOneOf(error, ['ENOENT'])) return [];
    throw error;
  }
}

function isOneOf(error: unknown, codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
