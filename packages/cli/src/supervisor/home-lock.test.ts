import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, realpath, rm, stat, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
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

test.each([0o777, 0o775, 0o722])('a home of mode %o is refused', async (mode) => {
  const home = join(folder, 'shared');
  await mkdir(home);
  await chmod(home, mode);
  await expect(lockHome(home)).rejects.toMatchObject({
    exit: 'machine',
    message: expect.stringContaining('by others'),
  });
  await chmod(home, 0o755);
  (await lockHome(home))();
});

test.runIf(process.getuid?.() === 0)('a home of somebody else is refused', async () => {
  const home = join(folder, 'foreign');
  await mkdir(home, { mode: 0o700 });
  await chown(home, 65534, 65534);
  await expect(lockHome(home)).rejects.toMatchObject({
    message: expect.stringContaining('somebody else'),
  });
  expect((await stat(home)).uid).toBe(65534);
});

test('whoever holds the name and talks without end is not listened to', async () => {
  const home = await realpath(folder);
  const digest = createHash('sha256').update(home).digest('hex').slice(0, 32);
  const squatter = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('1'.repeat(64 * 1024));
  });
  await new Promise<void>((resolve) => squatter.listen(`\0karta-home-${digest}`, () => resolve()));
  try {
    const refused = await lockHome(home).catch((error: unknown) => error);
    expect(refused).toMatchObject({ exit: 'busy', message: `Another Karta server uses ${home}` });
  } finally {
    squatter.close();
  }
});
