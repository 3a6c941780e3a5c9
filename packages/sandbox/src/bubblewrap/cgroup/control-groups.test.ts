import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openControlGroups } from './control-groups.ts';
import { parseMounts } from './mounts.ts';

const LIMITS = { memoryBytes: 1000, pids: 10, cpus: 1.5, diskBytes: 1 };
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kg-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Control files as the kernel would make them. */
async function plant(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
}

test('mounts of version 1, 2 and both are understood', () => {
  const text = [
    'cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0',
    'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0',
    'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0',
    'proc /proc proc rw 0 0',
    '',
  ].join('\n');
  const { v1, v2 } = parseMounts(text);
  expect(v1.get('memory')).toBe('/sys/fs/cgroup/memory');
  expect(v1.get('cpuacct')).toBe('/sys/fs/cgroup/cpu,cpuacct');
  expect(v2).toBe('/sys/fs/cgroup/unified');
  expect(parseMounts('')).toEqual({ v1: new Map(), v2: null });
});

test('version 2 alone carries all limits', async () => {
  await plant(root, { 'cgroup.controllers': 'cpu memory pids io\n', 'cgroup.subtree_control': '' });
  await plant(join(root, 'karta'), { 'cgroup.subtree_control': '' });
  const org = join(root, 'karta', 'org_1');
  await plant(org, { 'cgroup.subtree_control': '' });
  const group = join(org, 'sbx_1');
  await plant(group, {
    'memory.max': '',
    'memory.swap.max': '',
    'pids.max': '',
    'cpu.max': '',
    'memory.current': '900\n',
    'memory.stat': 'anon 1\ninactive_file 300\n',
    'memory.events': 'oom 1\noom_kill 2\n',
    'pids.current': '3\n',
    'cpu.stat': 'usage_usec 77\n',
  });
  const groups = await openControlGroups({ v1: new Map(), v2: root }, 'karta');
  if ('missing' in groups) throw new Error(groups.missing);
  const made = await groups.create('org_1', 'sbx_1', LIMITS);
  const read = (name: string) => readFile(join(group, name), 'utf8');
  expect(await read('memory.max')).toBe('1000');
  expect(await read('memory.swap.max')).toBe('0');
  expect(await read('pids.max')).toBe('42');
  expect(await read('cpu.max')).toBe('150000 100000');
  for (const above of [root, join(root, 'karta'), org]) {
    expect(await readFile(join(above, 'cgroup.subtree_control'), 'utf8')).toBe(
      '+memory +pids +cpu',
    );
  }
  expect(await made.usage()).toEqual({ memoryBytes: 600, pids: 3, cpuMicros: 77 });
  expect(await made.memoryKills()).toBe(2);
  expect(made.join).toEqual([join(group, 'cgroup.procs')]);
});

test('version 1 carries the limits, with version 2 beside it to kill', async () => {
  const v1 = new Map(['memory', 'pids', 'cpu'].map((name) => [name, join(root, name)]));
  const v2 = join(root, 'unified');
  await plant(v2, { 'cgroup.controllers': 'hugetlb\n' });
  const at = (name: string) => join(root, name, 'karta', 'org_1', 'sbx_1');
  await plant(at('memory'), { 'memory.limit_in_bytes': '', 'memory.oom_control': 'oom_kill 4\n' });
  await plant(at('pids'), { 'pids.max': '' });
  await plant(at('cpu'), { 'cpu.cfs_period_us': '', 'cpu.cfs_quota_us': '' });
  const groups = await openControlGroups({ v1, v2 }, 'karta');
  if ('missing' in groups) throw new Error(groups.missing);
  const made = await groups.create('org_1', 'sbx_1', LIMITS);
  expect(await readFile(join(at('memory'), 'memory.limit_in_bytes'), 'utf8')).toBe('1000');
  expect(await readFile(join(at('cpu'), 'cpu.cfs_quota_us'), 'utf8')).toBe('150000');
  expect(await made.memoryKills()).toBe(4);
  expect(made.join).toHaveLength(4);
});

test('what is missing is told', async () => {
  expect(await openControlGroups({ v1: new Map(), v2: null }, 'karta')).toEqual({
    missing: 'no control group for memory, pids, cpu',
  });
});
