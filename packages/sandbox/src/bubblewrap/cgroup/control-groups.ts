import { dirname, join } from 'node:path';
import type { SandboxLimits } from '../../port.ts';
import { type Accounting, accountingV1, accountingV2 } from './accounting.ts';
import { control, setControl } from './group-folder.ts';
import { type GroupTree, groupTree, sweepHomes } from './group-tree.ts';
import type { HierarchyMounts } from './mounts.ts';

/** The control groups of one sandbox, in every hierarchy it needs. */
export interface ControlGroup extends Omit<Accounting, 'limit'> {
  /** A process joins by writing its id into each of these files. */
  readonly join: readonly string[];
  /** Ends every process in it and removes it, and its org's group with the last one. Idempotent. */
  destroy(): Promise<void>;
}

export interface ControlGroups {
  /** Such as `memory, pids and cpu by version 1, kill by version 2`. */
  readonly description: string;
  /** Memory, processes and cores are limited for this sandbox; the processor is shared by org. */
  create(org: string, name: string, limits: SandboxLimits): Promise<ControlGroup>;
  /**
   * Destroys the groups that exist and are not in this list, and groups that other homes have left
   * empty.
   */
  reap(keep: ReadonlySet<string>): Promise<void>;
}

/** Memory, pids and cpu limits are enforced by these. */
const CONTROLLERS = ['memory', 'pids', 'cpu'] as const;
const ENABLE = CONTROLLERS.map((controller) => `+${controller}`).join(' ');

/**
 * The control groups this machine lets us make under `group`, or what is in the way. Version 2 is
 * tried first; beside version 1 it still counts and kills.
 */
export async function openControlGroups(
  mounts: HierarchyMounts,
  group: string,
): Promise<ControlGroups | { missing: string }> {
  try {
    if (mounts.v2 !== null && (await delegateV2(mounts.v2))) {
      const v2 = groupTree(join(mounts.v2, group), ENABLE);
      return await tried('memory, pids and cpu by version 2', { v2, v1: new Map() });
    }
    const absent = CONTROLLERS.filter((controller) => !mounts.v1.has(controller));
    if (absent.length > 0) return { missing: `no control group for ${absent.join(', ')}` };
    // Controllers that are mounted together have one tree.
    const trees = new Map<string, GroupTree>();
    const v1 = new Map<string, GroupTree>();
    for (const controller of [...CONTROLLERS, 'cpuacct']) {
      const mount = mounts.v1.get(controller);
      if (mount === undefined) continue;
      const tree = trees.get(mount) ?? groupTree(join(mount, group), null);
      trees.set(mount, tree);
      v1.set(controller, tree);
    }
    const v2 = mounts.v2 === null ? null : groupTree(join(mounts.v2, group), null);
    const description = `memory, pids and cpu by version 1${v2 ? ', kill by version 2' : ''}`;
    return await tried(description, { v1, v2 });
  } catch (error) {
    return { missing: `control groups cannot be made: ${(error as Error).message}` };
  }
}

/** Whether version 2 gives all three controllers to groups below the mount point. */
async function delegateV2(mount: string): Promise<boolean> {
  const available = ((await control(mount, 'cgroup.controllers')) ?? '').trim().split(/\s+/);
  if (!CONTROLLERS.every((controller) => available.includes(controller))) return false;
  const enabled = ((await control(mount, 'cgroup.subtree_control')) ?? '').trim().split(/\s+/);
  if (!CONTROLLERS.every((controller) => enabled.includes(controller))) {
    await setControl(mount, 'cgroup.subtree_control', ENABLE);
  }
  return true;
}

interface Trees {
  v1: ReadonlyMap<string, GroupTree>;
  v2: GroupTree | null;
}

async function tried(description: string, trees: Trees): Promise<ControlGroups> {
  for (const tree of allOf(trees)) await tree.check();
  return controlGroups(description, trees);
}

function allOf({ v1, v2 }: Trees): ReadonlySet<GroupTree> {
  return new Set([...v1.values(), ...(v2 === null ? [] : [v2])]);
}

function controlGroups(description: string, trees: Trees): ControlGroups {
  return {
    description,
    async create(org, name, limits) {
      const folders = new Map<GroupTree, string>();
      const destroy = async () => {
        for (const tree of folders.keys()) await tree.remove(org, name);
      };
      try {
        for (const tree of allOf(trees)) folders.set(tree, await tree.make(org, name));
        const { limit, ...counted } = accounting(trees, folders);
        await limit(limits);
        const procs = [...folders.values()].map((folder) => join(folder, 'cgroup.procs'));
        return { join: procs, destroy, ...counted };
      } catch (error) {
        await destroy();
        throw error;
      }
    },
    async reap(keep) {
      for (const tree of allOf(trees)) {
        await tree.reap(keep);
        await sweepHomes(dirname(tree.root));
      }
    },
  };
}

function accounting({ v1, v2 }: Trees, folders: ReadonlyMap<GroupTree, string>): Accounting {
  const folderOf = (tree: GroupTree | null) => folders.get(tree as GroupTree) as string;
  if (v1.size === 0) return accountingV2(folderOf(v2));
  return accountingV1(new Map([...v1].map(([controller, tree]) => [controller, folderOf(tree)])));
}
