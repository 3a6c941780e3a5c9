import type { SandboxLimits } from '../../port.ts';
import type { ProcessUsage } from '../../usage/process-usage.ts';
import { control, counter, hasControl, setControl } from './group-folder.ts';

/** What the kernel holds one sandbox to, and counts of it. */
export interface Accounting {
  limit(limits: SandboxLimits): Promise<void>;
  /** Memory is told without the file pages that the kernel would give back at once. */
  usage(): Promise<ProcessUsage>;
  /** How often the kernel has killed a process of the sandbox for want of memory. */
  memoryKills(): Promise<number>;
}

/** Processes of ours around the agent's: launchers, forwarders, the control loop. */
const PLUMBING_PIDS = 32;
const CPU_PERIOD_MICROS = 100_000;

/** By groups of version 1, by controller: `memory`, `pids`, `cpu` and where there is one `cpuacct`. */
export function accountingV1(folders: ReadonlyMap<string, string>): Accounting {
  const memory = folders.get('memory') as string;
  const pids = folders.get('pids') as string;
  const cpu = folders.get('cpu') as string;
  const cpuacct = folders.get('cpuacct');
  return {
    async limit(limits) {
      await setControl(memory, 'memory.limit_in_bytes', limits.memoryBytes);
      if (await hasControl(memory, 'memory.memsw.limit_in_bytes')) {
        await setControl(memory, 'memory.memsw.limit_in_bytes', limits.memoryBytes);
      }
      await setControl(pids, 'pids.max', limits.pids + PLUMBING_PIDS);
      await setControl(cpu, 'cpu.cfs_period_us', CPU_PERIOD_MICROS);
      await setControl(cpu, 'cpu.cfs_quota_us', Math.ceil(limits.cpus * CPU_PERIOD_MICROS));
    },
    async usage() {
      const total = Number((await control(memory, 'memory.usage_in_bytes')) ?? 0);
      const idle = counter(await control(memory, 'memory.stat'), 'total_inactive_file');
      const nanos = cpuacct === undefined ? null : await control(cpuacct, 'cpuacct.usage');
      return {
        memoryBytes: Math.max(0, total - idle),
        pids: Number((await control(pids, 'pids.current')) ?? 0),
        cpuMicros: Math.floor(Number(nanos ?? 0) / 1000),
      };
    },
    memoryKills: async () => counter(await control(memory, 'memory.oom_control'), 'oom_kill'),
  };
}

/** By one group of version 2. */
export function accountingV2(folder: string): Accounting {
  return {
    async limit(limits) {
      await setControl(folder, 'memory.max', limits.memoryBytes);
      if (await hasControl(folder, 'memory.swap.max')) {
        await setControl(folder, 'memory.swap.max', 0);
      }
      await setControl(folder, 'pids.max', limits.pids + PLUMBING_PIDS);
      const quota = Math.ceil(limits.cpus * CPU_PERIOD_MICROS);
      await setControl(folder, 'cpu.max', `${quota} ${CPU_PERIOD_MICROS}`);
    },
    async usage() {
      const total = Number((await control(folder, 'memory.current')) ?? 0);
      const idle = counter(await control(folder, 'memory.stat'), 'inactive_file');
      return {
        memoryBytes: Math.max(0, total - idle),
        pids: Number((await control(folder, 'pids.current')) ?? 0),
        cpuMicros: counter(await control(folder, 'cpu.stat'), 'usage_usec'),
      };
    },
    memoryKills: async () => counter(await control(folder, 'memory.events'), 'oom_kill'),
  };
}
