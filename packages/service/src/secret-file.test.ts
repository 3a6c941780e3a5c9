import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { secretFile } from './secret-file.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-secret-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

it('is made once, private, and stays', async () => {
  const made = await Promise.all([1, 2, 3].map(() => secretFile(home, 'login')));
  expect(new Set(made).size).toBe(1);
  expect(made[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(await secretFile(home, 'login')).toBe(made[0]);
  expect(await readdir(join(home, 'secrets'))).toEqual(['login']);
  expect((await stat(join(home, 'secrets/login'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(home, 'secrets'))).mode & 0o777).toBe(0o700);
});

it('is never made anew in place of one that is damaged', async () => {
  await secretFile(home, 'login');
  await writeFile(join(home, 'secrets/login'), '');
  await expect(secretFile(home, 'login')).rejects.toThrow(/empty/);
});
