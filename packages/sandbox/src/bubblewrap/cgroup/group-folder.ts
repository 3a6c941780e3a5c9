import { constants } from 'node:fs';
import { access, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes a control file. The kernel takes each write as one command. */
export function setControl(folder: string, file: string, value: string | number): Promise<void> {
  return writeFile(join(folder, file), `${value}`, { flag: 'r+' });
}

/** Reads a control file, `null` when this kernel does not have it. */
export async function control(folder: string, file: string): Promise<string | null> {
  return readFile(join(folder, file), 'utf8').catch(() => null);
}

export async function hasControl(folder: string, file: string): Promise<boolean> {
  return access(join(folder, file), constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** A number after a word, as in `oom_kill 3`; 0 when the word is not there. */
export function counter(text: string | null, word: string): number {
  const line = text?.split('\n').find((entry) => entry.startsWith(`${word} `));
  return Number(line?.slice(word.length + 1) ?? 0);
}

export async function processesOf(folder: string): Promise<number[]> {
  const text = await control(folder, 'cgroup.procs');
  return (text ?? '').split('\n').filter(Boolean).map(Number);
}

/** How long a killed process may take to leave: one in an uninterruptible write needs a while. */
const EMPTY_TIMEOUT_MS = 15_000;
const EMPTY_POLL_MS = 4;

/** Kills all that is in the group, what is forked meanwhile too, and waits until it is empty. */
export async function killAll(folder: string): Promise<void> {
  const end = Date.now() + EMPTY_TIMEOUT_MS;
  if (await hasControl(folder, 'cgroup.kill')) await setControl(folder, 'cgroup.kill', 1);
  for (;;) {
    const pids = await processesOf(folder);
    if (pids.length === 0) return;
    for (const pid of pids) killProcess(pid);
    if (Date.now() > end) throw new Error(`processes of ${folder} do not end: ${pids.join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, EMPTY_POLL_MS));
  }
}

/** Removes an empty group; absent is fine. */
export async function removeGroup(folder: string): Promise<void> {
  const end = Date.now() + EMPTY_TIMEOUT_MS;
  for (;;) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT') return;
      // The kernel lets go of the last process a moment after it left the list.
      if (code !== 'EBUSY' || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, EMPTY_POLL_MS));
    }
  }
}

/** Ends a process; one that has ended is fine. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it ended between the listing and the signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
