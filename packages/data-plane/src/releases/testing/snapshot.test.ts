import { execFileSync } from 'node:child_process';
import { chmod, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { contentDigest } from '../digest.ts';
import type { Entry } from '../entry.ts';
import { releaseFolder } from '../paths.ts';
import { readTree } from '../read-tree.ts';
import { walkFolder } from '../walk.ts';
import { takeSnapshot } from './snapshot.ts';
import { fillFolder, folderOf, tempFolder } from './temp-folder.ts';

async function snapshotOf(home: string, folder: string) {
  return takeSnapshot(home, folder, (await walkFolder(folder)).entries);
}

test('a kept snapshot is the release of its digest, readable by all and nothing else is left', async () => {
  const home = await tempFolder();
  const folder = await folderOf({
    'CLAUDE.md': 'hello',
    'bin/run': { run: '#!/bin/sh' },
    'bin/also': { link: 'run' },
  });
  await chmod(join(folder, 'CLAUDE.md'), 0o600);
  const snapshot = await snapshotOf(home, folder);
  await snapshot.keep();
  await snapshot.discard();
  expect(await readdir(join(home, 'releases'))).toEqual([snapshot.content]);
  const tree = releaseFolder(home, snapshot.content);
  expect((await readTree(tree)).content).toBe(snapshot.content);
  expect(await readFile(join(tree, 'bin/also'), 'utf8')).toBe('#!/bin/sh');
  const mode = async (path: string) => (await stat(join(tree, path))).mode & 0o777;
  expect(await mode('')).toBe(0o755);
  expect(await mode('CLAUDE.md')).toBe(0o644);
  expect(await mode('bin/run')).toBe(0o755);
});

test('the same content is the same release, whatever its times and rights', async () => {
  const home = await tempFolder();
  const first = await snapshotOf(home, await folderOf({ 'a/b': 'x', c: 'y' }));
  await first.keep();
  const folder = await folderOf({ c: 'y', 'a/b': 'x' });
  await utimes(join(folder, 'c'), 1, 1);
  await chmod(join(folder, 'a'), 0o700);
  const second = await snapshotOf(home, folder);
  await second.keep();
  expect(second.content).toBe(first.content);
  expect(await readdir(join(home, 'releases'))).toEqual([first.content]);
});

test('a damaged release is replaced by a publish of the same content', async () => {
  const home = await tempFolder();
  const folder = await folderOf({ 'CLAUDE.md': 'right' });
  const first = await snapshotOf(home, folder);
  await first.keep();
  await writeFile(join(releaseFolder(home, first.content), 'CLAUDE.md'), 'wrong');
  await (await snapshotOf(home, folder)).keep();
  expect((await readTree(releaseFolder(home, first.content))).content).toBe(first.content);
});

test('a folder that changes while it is copied is no release', async () => {
  const home = await tempFolder();
  const folder = await folderOf({ 'CLAUDE.md': 'short' });
  const { entries } = await walkFolder(folder);
  await fillFolder(folder, { 'CLAUDE.md': 'longer than before' });
  await expect(takeSnapshot(home, folder, entries)).rejects.toThrow('CLAUDE.md changed while');
  expect(await readdir(join(home, 'releases'))).toEqual([]);
});

test('what a publish left that was killed in the middle is removed by the next', async () => {
  const home = await tempFolder();
  const dead = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
  await fillFolder(home, { [`releases/.publish-${dead}-abc/CLAUDE.md`]: 'half' });
  await fillFolder(home, { [`releases/.publish-${process.pid}-def/CLAUDE.md`]: 'at work' });
  await (await snapshotOf(home, await folderOf({ a: 'a' }))).discard();
  expect(await readdir(join(home, 'releases'))).toEqual([`.publish-${process.pid}-def`]);
});

test.runIf(process.getuid?.() === 0)('a full disk leaves nothing behind', async () => {
  const home = await tempFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'karta-test', home]);
  onTestFinished(() => void execFileSync('umount', [home]));
  const folder = await folderOf({ 'CLAUDE.md': 'x', 'big.bin': 'x'.repeat(600_000) });
  await expect(snapshotOf(home, folder)).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(await readdir(join(home, 'releases'))).toEqual([]);
  const small = await snapshotOf(home, await folderOf({ 'CLAUDE.md': 'x' }));
  await small.keep();
  expect(await readdir(join(home, 'releases'))).toEqual([small.content]);
});

test('the digest tells every difference apart', () => {
  const file = (path: string, executable = false): Entry => ({
    kind: 'file',
    path,
    source: path,
    size: 1,
    executable,
  });
  const trees: [Entry[], [string, string][]][] = [
    [[file('a')], [['a', '00']]],
    [[file('a')], [['a', '01']]],
    [[file('b')], [['b', '00']]],
    [[file('a', true)], [['a', '00']]],
    [[{ kind: 'link', path: 'a', target: '00' }], []],
    [[{ kind: 'directory', path: 'a' }], []],
    [[], []],
    [[file('a","b')], [['a","b', '00']]],
  ];
  const digests = trees.map(([entries, files]) => contentDigest(entries, new Map(files)));
  expect(new Set(digests).size).toBe(trees.length);
});

test('a digest depends on nothing but the content', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(names, fc.boolean(), (paths, executable) => {
      const entries = paths.map(
        (path): Entry => ({ kind: 'file', path, source: `x/${path}`, size: 0, executable }),
      );
      const files = paths.map((path): [string, string] => [path, path]);
      const shuffled = new Map([...files].reverse());
      expect(contentDigest(entries, new Map(files))).toBe(contentDigest(entries, shuffled));
    }),
  );
});
