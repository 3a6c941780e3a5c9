import { readdir, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PostgresError } from './errors.ts';

/** How long processes may take after SIGINT before they are killed, and again after that. */
const END_MS = 10_000;
const POLL_MS = 10;

/**
 * PostgreSQL processes whose cluster is `dataDir`, by what the kernel says of them: their program
 * and their working folder. A pid file alone proves nothing, its number may be anybody's by now.
 */
export async function processesOver(dataDir: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    // Processes come and go, and those of other users cannot be read: neither is ours.
    const cwd = await readlink(`/proc/${entry}/cwd`).catch(() => null);
    if (cwd !== dataDir) continue;
    const program = await readlink(`/proc/${entry}/exe`).catch(() => null);
    if (program !== null && basename(program).replace(/ \(deleted\)$/, '') === 'postgres') {
      found.push(Number(entry));
    }
  }
  return found;
}

/** Ends every process over `dataDir` and waits for it. Call only while holding the cluster's lock. */
export async function endProcessesOver(dataDir: string): Promise<void> {
  const started = Date.now();
  let left = await processesOver(dataDir);
  for (const pid of left) signal(pid, 'SIGINT');
  let killed = false;
  while (left.length > 0) {
    const waited = Date.now() - started;
    if (waited > 2 * END_MS) {
      throw new PostgresError('start_failed', `Processes ${left.join(', ')} do not end.`);
    }
    if (waited > END_MS && !killed) {
      killed = true;
      for (const pid of left) signal(pid, 'SIGKILL');
    }
    await delay(POLL_MS);
    left = await processesOver(dataDir);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
