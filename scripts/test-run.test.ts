import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeLeftovers } from './test-run.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'karta-leftovers-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

test('what a killed run left is removed, what a live one uses is not', async () => {
  const { pid: gone } = spawnSync('true');
  const live = `karta-test-run-${process.pid}-abc`;
  for (const name of [`karta-test-run-${gone}-abc`, live, 'karta-test-run-notes', 'other']) {
    await mkdir(join(parent, name, 'postgres-x'), { recursive: true });
  }
  await removeLeftovers(parent);
  expect((await readdir(parent)).sort()).toEqual([live, 'karta-test-run-notes', 'other'].sort());
});
