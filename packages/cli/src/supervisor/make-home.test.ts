import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeHome } from './make-home.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-home-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a home is made for its owner alone, once', async () => {
  const home = join(folder, 'deep', 'home');
  await makeHome(home);
  await makeHome(home);
  expect((await stat(home)).mode & 0o777).toBe(0o700);
});

test('where there can be none, it says why and what to do', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  for (const [home, why] of [
    [file, 'a file has that name'],
    [join(file, 'home'), 'a part of it is a file'],
    [join(folder, 'x'.repeat(300)), 'its name is too long'],
    ['/proc/karta/home', 'no folder can be made there'],
  ] as const) {
    await expect(makeHome(home)).rejects.toMatchObject({
      exit: 'machine',
      message: `${home} cannot be a home: ${why}`,
      next: expect.stringContaining('--home'),
    });
  }
});
