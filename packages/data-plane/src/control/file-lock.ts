import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** How long to wait for another process before giving up. Holders keep a lock for milliseconds. */
const LOCK_WAIT_MS = 10_000;
const LOCK_POLL_MS = 10;

interface Holder {
  pid: number;
  /** Start of the process in clock ticks since boot, so that a reused pid is not taken for it. */
  started: string | null;
  nonce: string;
}

/**
 * Runs `work` while holding the lock file `path`, which is created exclusively. A lock whose
 * process is gone is broken; one that lives too long is an error that names the file.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const mine: Holder = {
    pid: process.pid,
    started: await processStart(process.pid),
    nonce: randomUUID(),
  };
  await acquire(path, mine);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string, mine: Holder): Promise<void> {
  // The content is complete before the name exists: nobody ever reads half a lock.
  const draft = `${path}.${mine.nonce}`;
  await writeFile(draft, JSON.stringify(mine), { mode: 0o600, flag: 'wx' });
  const deadline = Date.now() + LOCK_WAIT_MS;
  try {
    while (!(await linkExclusively(draft, path))) {
      if (await breakIfStale(path)) continue;
      if (Date.now() > deadline) {
        throw new Error(`${path} is held by another process; if none runs, remove the file`);
      }
      await delay(LOCK_POLL_MS);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function linkExclusively(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Removes the lock of a dead process. Only the one who creates the marker named after that lock's
 * nonce may remove it, so two that see the same stale lock never remove a fresh one.
 */
async function breakIfStale(path: string): Promise<boolean> {
  const holder = await readHolder(path);
  if (holder === null) return true;
  if (await isAlive(holder)) return false;
  const marker = `${path}.${holder.nonce}.broken`;
  try {
    await writeFile(marker, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
  await rm(path, { force: true });
  await rm(marker, { force: true });
  return true;
}

/** `null` when the lock has been released meanwhile. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw new Error(`${path} is no lock of Karta; remove the file`, { cause: error });
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false;
    if (!isCode(error, 'EPERM')) throw error;
  }
  const started = await processStart(holder.pid);
  return started === null || holder.started === null || started === holder.started;
}

/** Field 22 of `/proc/<pid>/stat`; `null` where there is no such file. */
async function processStart(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command name may hold spaces and brackets; the fields proper begin after the last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ESRCH')) return null;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
