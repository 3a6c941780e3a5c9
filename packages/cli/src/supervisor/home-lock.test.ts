import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockHome } from './home-lock.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a second server on one home is told the pid of the first', async () => {
  const home = join(folder, 'home');
  const unlock = await lockHome(home);
  await symlink(home, join(folder, 'other-name'));
  for (const name of [home, join(folder, 'other-name')]) {
    await expect(lockHome(name)).rejects.toMatchObject({
      exit: 'busy',
      message: expect.stringContaining(`pid ${process.pid}`),
      next: expect.stringContaining(`kill ${process.pid}`),
    });
  }
  unlock();
  (await lockHome(home))();
});

test('two homes do not meet', async () => {
  const first = await lockHome(join(folder, 'a'));
  const second = await lockHome(join(folder, 'b'));
  first();
  second();
});

test('the lock of a killed process is gone with it', async () => {
  const module = fileURLToPath(new URL('home-lock.ts', import.meta.url));
  const code = `import { lockHome } from ${JSON.stringify(module)};
    await lockHome(${JSON.stringify(folder)}); console.log('locked'); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await expect(lockHome(folder)).rejects.toThrow(`pid ${child.pid}`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  (await lockHome(folder))();
});
