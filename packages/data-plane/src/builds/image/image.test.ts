import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTree } from '../../releases/read-tree.ts';
import { fillFolder, folderOf, tempFolder } from '../../releases/testing/temp-folder.ts';
import { walkFolder } from '../../releases/walk.ts';
import { extractImage } from './extract-image.ts';
import { ImageError, readManifest } from './manifest.ts';
import { fileDigests, imageOf } from './write-image.ts';

async function imageBytes(folder: string): Promise<Buffer> {
  const { entries } = await walkFolder(folder);
  return buffer(Readable.from(imageOf(folder, entries, await fileDigests(folder, entries))));
}

const inPieces = (bytes: Buffer, size: number) =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    ),
    { objectMode: false },
  );

test('a tree comes out of its image as it went in', async () => {
  const folder = await folderOf({
    'AGENTS.md': 'hello',
    'empty.txt': '',
    'a/b/c.txt': 'deep',
    'bin/run': { run: '#!/bin/sh' },
    'a/link': { link: '../AGENTS.md' },
    'void/': '',
  });
  const bytes = await imageBytes(folder);
  for (const size of [1, 7, bytes.length]) {
    const to = await tempFolder();
    const { manifest } = await extractImage(inPieces(bytes, size), to);
    expect((await readTree(to)).content).toBe(manifest.digest);
    expect(await readFile(join(to, 'a/b/c.txt'), 'utf8')).toBe('deep');
    expect(await readlink(join(to, 'a/link'))).toBe('../AGENTS.md');
    expect((await stat(join(to, 'bin/run'))).mode & 0o777).toBe(0o755);
    expect(await readdir(join(to, 'void'))).toEqual([]);
  }
});

test('an image with any byte changed, cut or added is refused', async () => {
  const folder = await fillFolder(await tempFolder(), { 'AGENTS.md': 'hello', 'b.txt': 'more' });
  const bytes = await imageBytes(folder);
  const { content } = await readTree(folder);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(bytes.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom('change', 'cut', 'add'),
      async (at, by, how) => {
        let broken = Buffer.from(bytes);
        if (how === 'change') broken[at] = (broken[at] ?? 0) ^ by;
        if (how === 'cut') broken = broken.subarray(0, at);
        if (how === 'add') broken = Buffer.concat([broken, Buffer.from([by])]);
        const to = await tempFolderFor();
        const digest = await extractImage(inPieces(broken, 64), to).then(
          ({ manifest }) => manifest.digest,
          (error: unknown) => error,
        );
        // A changed manifest may be a good one, of another tree.
        expect(digest instanceof Error || digest !== content).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
  async function tempFolderFor(): Promise<string> {
    return tempFolder();
  }
});

const DIGEST = 'a'.repeat(64);

test.each<[string, unknown]>([
  ['a path upwards', [['file', '../x', false, 1, DIGEST]]],
  ['an absolute path', [['directory', '/x']]],
  ['a member in no folder', [['file', 'a/b', false, 1, DIGEST]]],
  [
    'a member below a link',
    [
      ['link', 'a', '.'],
      ['file', 'a/b', false, 1, DIGEST],
    ],
  ],
  ['a link outwards', [['link', 'a', '../x']]],
  ['an absolute link', [['link', 'a', '/etc/passwd']]],
  [
    'links that lead out together',
    [
      ['directory', 'd'],
      ['link', 'd/up', '..'],
      ['link', 'x', 'd/up/../y'],
    ],
  ],
  [
    'members out of order',
    [
      ['directory', 'b'],
      ['directory', 'a'],
    ],
  ],
  [
    'a name twice',
    [
      ['directory', 'a'],
      ['directory', 'a'],
    ],
  ],
  ['a size beyond the limit', [['file', 'a', false, 2 ** 40, DIGEST]]],
  ['a negative size', [['file', 'a', false, -1, DIGEST]]],
  ['another kind', [['device', 'a']]],
  ['no list', { a: 1 }],
])('a manifest with %s is refused', (_what, members) => {
  expect(() => readManifest(JSON.stringify(members))).toThrow(ImageError);
});
