import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run, sh, type TestGround, testGround } from '../conformance/test-ground.ts';
import type { Sandbox, SandboxDriver } from '../port.ts';
import { hierarchyMounts } from './cgroup/mounts.ts';
import { createNamespaceDriver } from './driver.ts';
import { examineMachine, groupName } from './machine.ts';

const ground = await testGround();
const { groups } = await examineMachine(ground.home, false);
await ground.remove();
const { v1, v2 } = await hierarchyMounts();
const controllers = ['memory', 'pids', 'cpu', 'cpuacct'].map((name) => v1.get(name) ?? v2);
const mounts = [...new Set([...controllers, v2])].filter((mount) => mount !== null);
/** Without root groups lie elsewhere, if they can be made at all. */
const given = groups !== null && process.getuid?.() === 0;
/** Where the processor is shared. */
const cpuMount = v1.get('cpu') ?? v2 ?? '';

/** A home with a driver; each test has its own. */
interface Home {
  ground: TestGround;
  driver: SandboxDriver;
  create(org: string): Promise<Sandbox>;
  /** What lies in the home's group, or below it. */
  groups(below?: string): Promise<string[]>;
}

const made: Sandbox[] = [];
const homes: Home[] = [];

async function home(): Promise<Home> {
  const ground = await testGround();
  const driver = createNamespaceDriver({ ...ground, images: false });
  const opened: Home = {
    ground,
    driver,
    async create(org) {
      const sandbox = await driver.create(ground.spec({ org }));
      made.push(sandbox);
      return sandbox;
    },
    async groups(below = '') {
      const folder = join(cpuMount, groupName(ground.home), below);
      const entries = await readdir(folder, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    },
  };
  homes.push(opened);
  return opened;
}

async function disposeAll(): Promise<void> {
  await Promise.all(made.splice(0).map((sandbox) => sandbox.dispose()));
}

let first: Home;
beforeEach(async () => {
  first = await home();
});
afterEach(async () => {
  await disposeAll();
  for (const { ground, driver } of homes.splice(0)) {
    for (const volume of await driver.volumes()) await driver.destroyVolume(volume);
    await ground.remove();
  }
});

test.skipIf(!given)('each org has a group, which goes with its last sandbox', async () => {
  const one = await first.create('org_a');
  const two = await first.create('org_a');
  const other = await first.create('org_b');
  expect((await first.groups()).sort()).toEqual(['org_a', 'org_b']);
  expect((await first.groups('org_a')).sort()).toEqual([one.id, two.id].sort());
  expect(await first.groups('org_b')).toEqual([other.id]);

  await other.dispose();
  expect(await first.groups()).toEqual(['org_a']);
  await one.dispose();
  expect(await first.groups('org_a')).toEqual([two.id]);
  await two.dispose();
  for (const mount of mounts) {
    expect(existsSync(join(mount, groupName(first.ground.home)))).toBe(false);
  }
});

test.skipIf(!given)('sandboxes that come and go at once are each made', async () => {
  for (let round = 0; round < 5; round += 1) {
    const all = await Promise.all(['org_a', 'org_a', 'org_b'].map((org) => first.create(org)));
    await Promise.all([first.create('org_a'), ...all.map((sandbox) => sandbox.dispose())]);
    await disposeAll();
  }
});

test.skipIf(!given)('a start removes the empty groups of other homes, and no others', async () => {
  const second = await home();
  const sandbox = await second.create('org_a');
  const left = mounts.map((mount) => join(mount, groupName(`left behind ${second.ground.home}`)));
  for (const folder of left) await mkdir(folder);
  // One start removes a limited number, and other homes may have left many.
  await expect
    .poll(
      async () => {
        await first.driver.reap();
        return left.filter((folder) => existsSync(folder));
      },
      { timeout: 60_000 },
    )
    .toEqual([]);
  expect(await second.groups('org_a')).toEqual([sandbox.id]);
  expect((await run(sandbox, sh('echo fine'))).stdout).toBe('fine\n');
});

test.skipIf(!given)('many busy sandboxes of one org take no more than another org', async () => {
  const status = await readFile('/proc/self/status', 'utf8');
  const core = /^Cpus_allowed_list:\s*(\d+)/m.exec(status)?.[1] ?? '0';
  // On one core, so that it is short on any machine.
  const spin = sh(`exec taskset -c ${core} sh -c 'while :; do :; done'`);
  const many = await Promise.all(Array.from({ length: 6 }, () => first.create('org_many')));
  const single = await first.create('org_single');
  const all = [...many, single];
  for (const sandbox of all) sandbox.spawn(spin);
  const used = async () =>
    Promise.all(all.map(async (sandbox) => (await sandbox.stats()).cpuMicros));
  // From here on each of them runs.
  await expect.poll(async () => Math.min(...(await used())), WHILE).toBeGreaterThan(20_000);
  const before = await used();
  const since = async () => (await used()).map((now, at) => now - (before[at] ?? 0));
  await expect
    .poll(async () => (await since()).reduce((a, b) => a + b), WHILE)
    .toBeGreaterThan(700_000);
  const parts = await since();
  const ofSingle = parts.pop() ?? 0;
  const ofMany = parts.reduce((a, b) => a + b);
  // Equal parts are 1; a seventh of the core would be a sixth of what the others have.
  expect(ofSingle / ofMany).toBeGreaterThan(0.5);
  expect(ofMany).toBeGreaterThan(0);
});

/** Busy machines give a test little of the processor. */
const WHILE = { timeout: 60_000, interval: 20 };
