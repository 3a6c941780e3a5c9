import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SHARED_SERVER, shareTestServer } from '../packages/postgres/src/testing/index.ts';

const PREFIX = 'karta-test-run-';

/**
 * What the test files of one run share, for Vitest to set up before them and to take down after
 * them. Its folder bears the number of this process: what a killed run left is removed by the next.
 */
export default async function setup(): Promise<() => Promise<void>> {
  await removeLeftovers(tmpdir());
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const server = await shareTestServer(folder);
  process.env[SHARED_SERVER] = server.socket;
  // Test files load the same packages, and start the same processes, hundreds of times.
  process.env.NODE_COMPILE_CACHE = join(folder, 'compiled');
  return async () => {
    await server.close();
    // A process that is just ending may still write what it compiled.
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
}

/** Removes the folders of this user's runs whose process is gone. */
export async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const folder = join(parent, name);
    // Another run may just have removed it.
    const owner = await lstat(folder).catch(() => null);
    if (owner?.uid !== process.getuid?.()) continue;
    await rm(folder, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
