import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withFileLock } from './file-lock.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-lock-'));
  path = join(folder, 'state.lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('lets one in at a time and leaves nothing behind', async () => {
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 12 }, () =>
      withFileLock(path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      }),
    ),
  );
  expect(most).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

it('is released when the work fails', async () => {
  const failing = withFileLock(path, () => Promise.reject(new Error('the work')));
  await expect(failing).rejects.toThrow('the work');
  expect(await withFileLock(path, async () => 'next')).toBe('next');
});

it('is taken from a process that was killed while it held it', async () => {
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { withFileLock } from ${JSON.stringify(new URL('./file-lock.ts', import.meta.url).href)};
       await withFileLock(process.argv[1], async () => {
         console.log('held');
         setInterval(() => {}, 1000);
         await new Promise(() => {});
       });`,
      path,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(holder.stdout, 'data');
  const ended = once(holder, 'exit');
  holder.kill('SIGKILL');
  await ended;
  expect(await readdir(folder)).toEqual(['state.lock']);
  const entered = await Promise.all([
    withFileLock(path, async () => 1),
    withFileLock(path, async () => 2),
  ]);
  expect(entered).toEqual([1, 2]);
  expect(await readdir(folder)).toEqual([]);
});

it('is taken when the pid now belongs to another process', async () => {
  await writeFile(path, JSON.stringify({ pid: process.pid, started: '1', nonce: 'old' }));
  expect(await withFileLock(path, async () => 'in')).toBe('in');
});

it('names a lock file that it cannot read', async () => {
  await writeFile(path, 'not ours');
  await expect(withFileLock(path, async () => 0)).rejects.toThrow(path);
});
