import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What the kernel's page and clock units are on every Linux that Node 24 runs on. */
const PAGE_BYTES = 4096;
const TICK_MICROS = 10_000;

export interface ProcessUsage {
  memoryBytes: number;
  pids: number;
  cpuMicros: number;
}

interface Seen extends ProcessUsage {
  pid: number;
  parent: number;
  group: number;
}

/** Sums the processes of these process groups; zeros where there is no `/proc`. */
export async function groupUsage(groups: ReadonlySet<number>): Promise<ProcessUsage> {
  return sum((await allProcesses()).filter((process) => groups.has(process.group)));
}

/** Sums these processes and all that descend from them. Shared pages count for each. */
export async function treeUsage(roots: ReadonlySet<number>): Promise<ProcessUsage> {
  const all = await allProcesses();
  const parents = new Map(all.map((process) => [process.pid, process.parent]));
  const within = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
      if (roots.has(at)) return true;
    }
    return false;
  };
  return sum(all.filter((process) => within(process.pid)));
}

function sum(processes: readonly ProcessUsage[]): ProcessUsage {
  const total = { memoryBytes: 0, pids: 0, cpuMicros: 0 };
  for (const process of processes) {
    total.memoryBytes += process.memoryBytes;
    total.pids += process.pids;
    total.cpuMicros += process.cpuMicros;
  }
  return total;
}

async function allProcesses(): Promise<Seen[]> {
  const seen: Seen[] = [];
  const names = await readdir('/proc').catch((): string[] => []);
  for (const name of names.filter((entry) => /^\d+$/.test(entry))) {
    // A process may end between the listing and the reading.
    const text = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (fields.length < 22) continue;
    seen.push({
      pid: Number(name),
      parent: Number(fields[1]),
      group: Number(fields[2]),
      pids: Number(fields[17]),
      cpuMicros: (Number(fields[11]) + Number(fields[12])) * TICK_MICROS,
      memoryBytes: Number(fields[21]) * PAGE_BYTES,
    });
  }
  return seen;
}

/** Bytes of the blocks below a folder; links are counted, not followed. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await folderBytes(path);
    else if (entry.isFile()) bytes += ((await stat(path).catch(() => null))?.blocks ?? 0) * 512;
  }
  return bytes;
}
