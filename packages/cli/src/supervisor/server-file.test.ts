import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readServerFile, removeServerFile, writeServerFile } from './server-file.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-server-file-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const urls = {
  url: 'http://localhost:8000',
  control_url: 'http://localhost:8001',
  internal_url: 'http://127.0.0.1:9000',
  control_internal_url: 'http://127.0.0.1:9001',
};

test('tells of a server while its process lives', async () => {
  const content = { pid: process.pid, ...urls };
  await writeServerFile(home, content);
  expect(await readServerFile(home)).toEqual(content);
  await removeServerFile(home);
  expect(await readServerFile(home)).toBeNull();
});

test('one that a killed server left, whole or half, is none', async () => {
  // The largest pid that Linux gives is 2^22.
  await writeServerFile(home, { pid: 2 ** 22 + 1, ...urls });
  expect(await readServerFile(home)).toBeNull();
  await writeFile(join(home, 'server.json'), '{"pid":1');
  expect(await readServerFile(home)).toBeNull();
});
