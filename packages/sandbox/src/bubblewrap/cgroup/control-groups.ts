import { join } from 'node:path';
import type { SandboxLimits } from '../../port.ts';
import type { ProcessUsage } from '../../usage/process-usage.ts';
import {
  childGroups,
  control,
  counter,
  hasControl,
  killAll,
  makeGroup,
  removeGroup,
  setControl,
} from './group-folder.ts';
import type { HierarchyMounts } from './mounts.ts';

/** The control groups of one sandbox, in every hierarchy it needs. */
export interface ControlGroup {
  /** A process joins by writing its id into each of these files. */
  readonly join: readonly string[];
  usage(): Promise<ProcessUsage>;
  /** How often the kernel has killed a process of the sandbox for want of memory. */
  memoryKills(): Promise<number>;
  /** Ends every process in it and removes it. Idempotent. */
  destroy(): Promise<void>;
}

export interface ControlGroups {
  /** Such as `memory, pids and cpu by version 1, kill by version 2`. */
  readonly description: string;
  create(name: string, limits: SandboxLimits): Promise<ControlGroup>;
  /** Destroys the groups that exist and are not in this list. */
  reap(keep: ReadonlySet<string>): Promise<void>;
}

/** Memory, pids and cpu limits are enforced by these. */
const CONTROLLERS = ['memory', 'pids', 'cpu'] as const;
/** Processes of ours around the agent's: launchers, forwarders, the control loop. */
const PLUMBING_PIDS = 32;
const CPU_PERIOD_MICROS = 100_000;

/**
 * The control groups this machine lets us make under `group`, or what is in the way. Version 2 is
 * tried first; beside version 1 it still counts and kills.
 */
export async function openControlGroups(
  mounts: HierarchyMounts,
  group: string,
): Promise<ControlGroups | { missing: string }> {
  try {
    if (mounts.v2 !== null && (await delegateV2(mounts.v2, group))) {
      const parent = join(mounts.v2, group);
      return controlGroups('memory, pids and cpu by version 2', { v2: parent, v1: new Map() });
    }
    const absent = CONTROLLERS.filter((controller) => !mounts.v1.has(controller));
    if (absent.length > 0) return { missing: `no control group for ${absent.join(', ')}` };
    const wanted = [...CONTROLLERS, 'cpuacct'];
    const v1 = new Map<string, string>();
    for (const controller of wanted) {
      const mount = mounts.v1.get(controller);
      if (mount === undefined) continue;
      v1.set(controller, join(mount, group));
      await makeGroup(join(mount, group));
    }
    const v2 = mounts.v2 === null ? null : join(mounts.v2, group);
    if (v2 !== null) await makeGroup(v2);
    return controlGroups(`memory, pids and cpu by version 1${v2 ? ', kill by version 2' : ''}`, {
      v1,
      v2,
    });
  } catch (error) {
    return { missing: `control groups cannot be made: ${(error as Error).message}` };
  }
}

/** Whether version 2 gives all three controllers to groups below `group`. */
async function delegateV2(mount: string, group: string): Promise<boolean> {
  const available = ((await control(mount, 'cgroup.controllers')) ?? '').trim().split(/\s+/);
  if (!CONTROLLERS.every((controller) => available.includes(controller))) return false;
  const enable = CONTROLLERS.map((controller) => `+${controller}`).join(' ');
  const enabled = ((await control(mount, 'cgroup.subtree_control')) ?? '').trim().split(/\s+/);
  if (!CONTROLLERS.every((controller) => enabled.includes(controller))) {
    await setControl(mount, 'cgroup.subtree_control', enable);
  }
  await makeGroup(join(mount, group));
  await setControl(join(mount, group), 'cgroup.subtree_control', enable);
  return true;
}

interface Parents {
  v1: ReadonlyMap<string, string>;
  v2: string | null;
}

function controlGroups(description: string, parents: Parents): ControlGroups {
  const folders = (name: string) =>
    new Set(
      [...parents.v1.values(), ...(parents.v2 === null ? [] : [parents.v2])].map((parent) =>
        join(parent, name),
      ),
    );
  return {
    description,
    async create(name, limits) {
      const all = folders(name);
      for (const folder of all) await makeGroup(folder);
      const v1 = new Map(
        [...parents.v1].map(([controller, parent]) => [controller, join(parent, name)]),
      );
      const v2 = parents.v2 === null ? null : join(parents.v2, name);
      if (v1.size > 0) await limitV1(v1, limits);
      else if (v2 !== null) await limitV2(v2, limits);
      return {
        join: [...all].map((folder) => join(folder, 'cgroup.procs')),
        usage: () => (v1.size > 0 ? usageV1(v1) : usageV2(v2 as string)),
        memoryKills: async () =>
          v1.size > 0
            ? counter(await control(v1.get('memory') as string, 'memory.oom_control'), 'oom_kill')
            : counter(await control(v2 as string, 'memory.events'), 'oom_kill'),
        destroy: () => destroy(all),
      };
    },
    async reap(keep) {
      const found = new Set<string>();
      for (const parent of folders('.'))
        for (const name of await childGroups(parent)) found.add(name);
      for (const name of found) if (!keep.has(name)) await destroy(folders(name));
    },
  };
}

async function destroy(folders: ReadonlySet<string>): Promise<void> {
  for (const folder of folders) await killAll(folder);
  for (const folder of folders) await removeGroup(folder);
}

async function limitV1(v1: ReadonlyMap<string, string>, limits: SandboxLimits): Promise<void> {
  const memory = v1.get('memory') as string;
  await setControl(memory, 'memory.limit_in_bytes', limits.memoryBytes);
  if (await hasControl(memory, 'memory.memsw.limit_in_bytes')) {
    await setControl(memory, 'memory.memsw.limit_in_bytes', limits.memoryBytes);
  }
  await setControl(v1.get('pids') as string, 'pids.max', limits.pids + PLUMBING_PIDS);
  const cpu = v1.get('cpu') as string;
  await setControl(cpu, 'cpu.cfs_period_us', CPU_PERIOD_MICROS);
  await setControl(cpu, 'cpu.cfs_quota_us', Math.ceil(limits.cpus * CPU_PERIOD_MICROS));
}

async function limitV2(folder: string, limits: SandboxLimits): Promise<void> {
  await setControl(folder, 'memory.max', limits.memoryBytes);
  if (await hasControl(folder, 'memory.swap.max')) await setControl(folder, 'memory.swap.max', 0);
  await setControl(folder, 'pids.max', limits.pids + PLUMBING_PIDS);
  const quota = Math.ceil(limits.cpus * CPU_PERIOD_MICROS);
  await setControl(folder, 'cpu.max', `${quota} ${CPU_PERIOD_MICROS}`);
}

/** Memory without the file pages that the kernel would give back at once. */
async function usageV1(v1: ReadonlyMap<string, string>): Promise<ProcessUsage> {
  const memory = v1.get('memory') as string;
  const total = Number((await control(memory, 'memory.usage_in_bytes')) ?? 0);
  const idle = counter(await control(memory, 'memory.stat'), 'total_inactive_file');
  const cpuacct = v1.get('cpuacct');
  const nanos = cpuacct === undefined ? null : await control(cpuacct, 'cpuacct.usage');
  return {
    memoryBytes: Math.max(0, total - idle),
    pids: Number((await control(v1.get('pids') as string, 'pids.current')) ?? 0),
    cpuMicros: Math.floor(Number(nanos ?? 0) / 1000),
  };
}

async function usageV2(folder: string): Promise<ProcessUsage> {
  const total = Number((await control(folder, 'memory.current')) ?? 0);
  const idle = counter(await control(folder, 'memory.stat'), 'inactive_file');
  return {
    memoryBytes: Math.max(0, total - idle),
    pids: Number((await control(folder, 'pids.current')) ?? 0),
    cpuMicros: counter(await control(folder, 'cpu.stat'), 'usage_usec'),
  };
}
