import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { eventually, run, sh, testGround } from '../conformance/test-ground.ts';
import { hierarchyMounts } from './cgroup/mounts.ts';
import { createNamespaceDriver } from './driver.ts';
import { groupName } from './machine.ts';

/** A sleep no other run of this file has, so that two may run at once. */
const NAP = `${27_000 + (process.pid % 1000)}.${process.pid}`;

const PLATFORM = `
import { createNamespaceDriver } from ${JSON.stringify(fileURLToPath(new URL('./driver.ts', import.meta.url)))};
const [home, runtimeDir, release] = process.argv.slice(-3);
const sandbox = await createNamespaceDriver({ home, runtimeDir }).create({
  id: 'sbx_orphan', org: 'org_orphan', volumeId: 'vol_orphan', release, protectedPaths: [], tools: [], files: [],
  offers: [], listens: [], limits: { memoryBytes: 1e8, pids: 50, cpus: 1, diskBytes: 3e7 },
});
const child = sandbox.spawn({ argv: ['/bin/sh', '-c', 'echo kept > note; (setsid sleep ${NAP} &); trap "" TERM; echo up; sleep ${NAP}'], env: { PATH: '/usr/bin:/bin' } });
child.stdout.once('data', () => console.log('up'));
`;

async function orphans(): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${NAP}\0`;
    } catch {
      return false;
    }
  }).length;
}

test('what a killed platform left behind is ended, and its volume serves again', async () => {
  const ground = await testGround();
  const { home, runtimeDir, release } = ground;
  const platform = spawn(
    process.execPath,
    ['--input-type=module', '-e', PLATFORM, home, runtimeDir, release],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await once(platform.stdout, 'data');
    // Both sleeps are there: the one in a session of its own, and the one that is waited for.
    await eventually(async () => (await orphans()) === 2);
  } finally {
    platform.kill('SIGKILL');
  }
  await once(platform, 'exit');
  await eventually(async () => (await orphans()) === 0);

  const driver = createNamespaceDriver({ home, runtimeDir });
  await driver.reap();
  expect(await readdir(join(home, 'sandboxes'))).toEqual([]);
  expect(await readdir(join(runtimeDir, 's'))).toEqual([]);
  const { v1, v2 } = await hierarchyMounts();
  for (const mount of [...v1.values(), v2 ?? '']) {
    expect(existsSync(join(mount, groupName(home)))).toBe(false);
  }
  const again = await driver.create(ground.spec({ volumeId: 'vol_orphan' }));
  expect((await run(again, sh('cat note'))).stdout).toBe('kept\n');
  await driver.reap();
  expect((await run(again, sh('cat note'))).stdout).toBe('kept\n');
  await again.dispose();
  await driver.destroyVolume('vol_orphan');
  await ground.remove();
});
