import { execFileSync } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { RELEASE_LIMITS } from './limits.ts';
import { problemText } from './problem.ts';
import { folderOf, tempFolder } from './testing/temp-folder.ts';
import { walkFolder } from './walk.ts';

async function problemsOf(root: string): Promise<string[]> {
  return (await walkFolder(root)).problems.map(problemText);
}

test('members are sorted, links are named and history is left out', async () => {
  const root = await folderOf({
    'b.md': 'b',
    'a/z.sh': { run: '#!/bin/sh' },
    'a/empty/': '',
    link: { link: 'a/z.sh' },
    '.git/config': 'x',
    'a/.git': 'gitdir: elsewhere',
    'node_modules/m/index.js': 'x',
  });
  const { entries, problems } = await walkFolder(root);
  expect(problems).toEqual([]);
  expect(entries.map((entry) => `${entry.kind} ${entry.path}`)).toEqual([
    'directory a',
    'directory a/empty',
    'file a/z.sh',
    'file b.md',
    'link link',
    'directory node_modules',
    'directory node_modules/m',
    'file node_modules/m/index.js',
  ]);
  expect(entries[2]).toMatchObject({ executable: true, size: 9 });
  expect(entries[3]).toMatchObject({ executable: false });
});

test('links that lead out are refused, each by name', async () => {
  const outside = await folderOf({ secret: 's' });
  const root = await folderOf({
    abs: { link: join(outside, 'secret') },
    up: { link: '../../etc/passwd' },
    chain: { link: 'd/up' },
    'd/up': { link: '../..' },
    ok: { link: './d' },
    gone: { link: 'nothing-here' },
  });
  const problems = await problemsOf(root);
  expect(problems.map((text) => text.split(':')[0])).toEqual(['abs', 'chain', 'd/up', 'up']);
  for (const text of problems) expect(text).toContain('link out of the folder');
});

test('a FIFO, a socket and a device are refused and never opened', async () => {
  const root = await tempFolder();
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const server = createServer().listen(join(root, 'socket'));
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  if (process.getuid?.() === 0) execFileSync('mknod', [join(root, 'null'), 'c', '1', '3']);
  const problems = (await problemsOf(root)).join('\n');
  expect(problems).toContain('pipe: is a FIFO');
  expect(problems).toContain('socket: is a socket');
  if (process.getuid?.() === 0) expect(problems).toContain('null: is a device');
});

test('names that are no names are refused, readably', async () => {
  const root = await folderOf({ 'two\nlines': 'x', 'back\\slash': 'x', 'bell\u0007': 'x' });
  await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff])]), 'x');
  const problems = (await problemsOf(root)).join('\n');
  expect(problems).toContain('two\\nlines: has control characters');
  expect(problems).toContain('back\\\\slash: has a backslash');
  expect(problems).toContain('bell\\u0007: has control characters');
  expect(problems).toContain('has a name that is not UTF-8');
});

test('a file and a folder that are too large are refused without being read', async () => {
  const root = await folderOf({ 'huge.bin': '' });
  await truncate(join(root, 'huge.bin'), RELEASE_LIMITS.fileBytes + 1);
  expect(await problemsOf(root)).toEqual([
    expect.stringMatching(/^huge\.bin: is \d+ bytes; a file may have/),
  ]);
  const many = await tempFolder();
  for (let i = 0; i < 6; i += 1) {
    await writeFile(join(many, `${i}.bin`), '');
    await truncate(join(many, `${i}.bin`), RELEASE_LIMITS.fileBytes);
  }
  expect(await problemsOf(many)).toEqual([expect.stringContaining('bytes in all')]);
});

test('a folder deeper than the limit is refused', async () => {
  const root = await folderOf({ [`${'d/'.repeat(RELEASE_LIMITS.depth)}f`]: 'x' });
  expect(await problemsOf(root)).toEqual([expect.stringContaining('lies deeper than')]);
});
