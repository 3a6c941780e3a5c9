import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What the kernel's page and clock units are on every Linux that Node 24 runs on. */
const PAGE_BYTES = 4096;
const TICK_MICROS = 10_000;

export interface GroupUsage {
  memoryBytes: number;
  pids: number;
  cpuMicros: number;
}

/** Sums the processes of these process groups; zeros where there is no `/proc`. */
export async function groupUsage(groups: ReadonlySet<number>): Promise<GroupUsage> {
  const usage = { memoryBytes: 0, pids: 0, cpuMicros: 0 };
  const names = await readdir('/proc').catch((): string[] => []);
  for (const name of names.filter((entry) => /^\d+$/.test(entry))) {
    // A process may end between the listing and the reading.
    const text = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (!groups.has(Number(fields[2]))) continue;
    usage.pids += 1;
    usage.cpuMicros += (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
    usage.memoryBytes += Number(fields[21]) * PAGE_BYTES;
  }
  return usage;
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
