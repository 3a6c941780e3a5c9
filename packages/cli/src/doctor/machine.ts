import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { requireFreePort } from '../supervisor/port-check.ts';
import { type Finding, finding } from './finding.ts';

const MB = 1024 * 1024;
/** One OpenCode session takes 490 to 600 MB; the server itself some 200 MB. */
const LEAST_MEMORY_MB = 1_024;
const GOOD_MEMORY_MB = 3_072;
/** The database, one release and a few volumes. */
const LEAST_DISK_MB = 512;
const GOOD_DISK_MB = 4_096;

export function memoryFinding(freeBytes = freemem(), totalBytes = totalmem()): Finding {
  const free = Math.round(freeBytes / MB);
  const notes = [
    `${free} MB of ${Math.round(totalBytes / MB)} MB free, ${availableParallelism()} cores`,
  ];
  const state = stateOf(free, LEAST_MEMORY_MB, GOOD_MEMORY_MB);
  const advice = state === 'good' ? [] : ['A session of OpenCode needs some 600 MB.'];
  return finding('machine', 'memory', state, notes, advice);
}

/** Free space where `home` is or will be. */
export async function diskFinding(home: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(existing(home));
  const free = Math.round((bavail * bsize) / MB);
  const state = stateOf(free, LEAST_DISK_MB, GOOD_DISK_MB);
  const advice = state === 'good' ? [] : ['Free some space, or choose another --home.'];
  return finding('machine', 'disk', state, [`${free} MB free for ${home}`], advice);
}

/**
 * Whether a server could listen. The server of this home, at `serving` when it runs, is a good
 * reason not to.
 */
export async function portFinding(
  host: string,
  port: number,
  serving: string | null,
): Promise<Finding> {
  const name = `port ${port}`;
  if (serving !== null) {
    return finding('machine', name, 'good', [`the server of this home runs at ${serving}`]);
  }
  try {
    await requireFreePort(host, port);
    return finding('machine', name, 'good', ['free']);
  } catch (error) {
    return finding(
      'machine',
      name,
      'weak',
      [(error as Error).message],
      ['Choose another: karta serve --port <number>'],
    );
  }
}

function stateOf(value: number, least: number, good: number): Finding['state'] {
  if (value >= good) return 'good';
  return value >= least ? 'weak' : 'missing';
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}
