import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { epochFile } from './epoch-count.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-epoch-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('gives each start a higher number, and none below what it is told', async () => {
  const path = join(folder, 'epoch');
  expect(await epochFile(path).next(1)).toBe(1);
  expect(await epochFile(path).next(1)).toBe(2);
  expect(await epochFile(path).next(8)).toBe(8);
  expect(await epochFile(path).next(1)).toBe(9);
});

it.each(['', 'x', '-3', '1e400', '1.5'])('begins anew where its file says %j', async (text) => {
  const path = join(folder, 'broken');
  await writeFile(path, text);
  expect(await epochFile(path).next(4)).toBe(4);
});

it('gives no number that it could not write down', async () => {
  await expect(epochFile(join(folder, 'absent', 'epoch')).next(1)).rejects.toThrow('ENOENT');
});
