import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchFolder } from './watch-folder.ts';

const QUIET_MS = 40;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-watch-'));
  await mkdir(join(folder, '.claude', 'agents'), { recursive: true });
  await mkdir(join(folder, 'node_modules'));
  // The quiet after a change passes when a test says so, however slow the machine is.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

/** Writes a file, and waits until the watcher has seen it. */
async function change(...path: string[]): Promise<void> {
  await writeFile(join(folder, ...path), 'x');
  await expect.poll(() => vi.getTimerCount()).toBe(1);
}

const quiet = () => vi.advanceTimersByTime(QUIET_MS);

test('changes without a quiet moment between them are one call', async () => {
  const changed = vi.fn(async () => {});
  const watcher = watchFolder(folder, changed, QUIET_MS);
  for (let n = 0; n < 10; n++) {
    await change(`f${n}.md`);
    vi.advanceTimersByTime(1);
  }
  expect(changed).not.toHaveBeenCalled();
  quiet();
  expect(changed).toHaveBeenCalledTimes(1);
  watcher.close();
});

test('hidden configuration counts', async () => {
  const changed = vi.fn(async () => {});
  const watcher = watchFolder(folder, changed, QUIET_MS);
  await change('.claude', 'agents', 'a.md');
  quiet();
  expect(changed).toHaveBeenCalledTimes(1);
  watcher.close();
});

test('never runs twice at once: changes meanwhile make one more call', async () => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  const changed = vi.fn(async () => {
    most = Math.max(most, ++running);
    await gate.promise;
    running -= 1;
  });
  const watcher = watchFolder(folder, changed, QUIET_MS);
  for (const name of ['a.md', 'b.md', 'c.md']) {
    await writeFile(join(folder, 'node_modules', name), 'x');
    await change(name);
    quiet();
    expect(changed).toHaveBeenCalledTimes(1);
  }
  gate.resolve();
  await expect.poll(() => changed.mock.calls.length).toBe(2);
  await expect.poll(() => running).toBe(0);
  expect(most).toBe(1);
  watcher.close();
});
