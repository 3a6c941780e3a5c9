import { mkdtemp, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLog } from './log-file.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-log-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const text = (name: string) => readFile(join(home, 'logs', name), 'utf8').catch(() => '');

test('appends lines, for the owner alone', async () => {
  for (const line of ['one', 'two']) {
    const log = openLog(home, 'doors');
    log.line(line);
    log.close();
    await expect.poll(() => text('doors.log'), { timeout: 10_000 }).toContain(`${line}\n`);
  }
  expect(await text('doors.log')).toBe('one\ntwo\n');
  expect((await stat(join(home, 'logs', 'doors.log'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(home, 'logs'))).mode & 0o777).toBe(0o700);
});

test('sets a large one aside when a server starts', async () => {
  openLog(home, 'server').close();
  await expect.poll(() => stat(join(home, 'logs', 'server.log')).catch(() => null)).not.toBeNull();
  await truncate(join(home, 'logs', 'server.log'), 21 * 1024 * 1024);
  const log = openLog(home, 'server');
  log.line('afresh');
  log.close();
  await expect.poll(() => text('server.log'), { timeout: 10_000 }).toBe('afresh\n');
  expect((await stat(join(home, 'logs', 'server.log.1'))).size).toBe(21 * 1024 * 1024);
});
