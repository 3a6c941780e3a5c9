import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchFolder } from './watch-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-watch-'));
  await mkdir(join(folder, '.claude', 'agents'), { recursive: true });
  await mkdir(join(folder, 'node_modules'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('many changes at once are one call; a later one is another; hidden config counts', async () => {
  const changed = vi.fn(async () => {});
  const watcher = watchFolder(folder, changed, 40);
  try {
    for (let n = 0; n < 10; n++) await writeFile(join(folder, `f${n}.md`), 'x');
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(1));
    await writeFile(join(folder, '.claude', 'agents', 'a.md'), 'x');
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(2));
  } finally {
    watcher.close();
  }
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
  const watcher = watchFolder(folder, changed, 10);
  try {
    await writeFile(join(folder, 'a.md'), '1');
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(1));
    await writeFile(join(folder, 'b.md'), '1');
    await writeFile(join(folder, 'node_modules', 'ignored.js'), '1');
    await writeFile(join(folder, 'c.md'), '1');
    // The watcher has seen the last change once a later one of its own would have been seen too.
    await new Promise((resolve) => setTimeout(resolve, 100));
    gate.resolve();
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(2));
    expect(most).toBe(1);
  } finally {
    watcher.close();
  }
});
