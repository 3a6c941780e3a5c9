import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip, gzipSync } from 'node:zlib';
import { type Headers, pack } from 'tar-stream';
import { expect, test } from 'vitest';
import { problemText } from '../../releases/problem.ts';
import { tempFolder } from '../../releases/testing/temp-folder.ts';
import { BuildRefused } from './build-refused.ts';
import { unpackArchive } from './unpack-archive.ts';

type Member = Partial<Headers> & { name: string; content?: string };

async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of members) {
    if (content === undefined) tar.entry(header as Headers);
    else tar.entry(header as Headers, content);
  }
  tar.finalize();
  return buffer(tar);
}

/** Unpacks bytes as they could arrive: a few at a time. */
async function unpack(bytes: Uint8Array, chunk = 700): Promise<string> {
  const to = await tempFolder();
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunk) parts.push(bytes.subarray(at, at + chunk));
  await unpackArchive(Readable.from(parts, { objectMode: false }), to);
  return to;
}

async function refused(bytes: Uint8Array): Promise<string> {
  const error = await unpack(bytes, 64 * 1024).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BuildRefused)) throw new Error(`not refused: ${error}`);
  return error.problems.map(problemText).join('; ');
}

test('a plain and a gzipped archive unpack to the same, however they arrive', async () => {
  const tar = await tarOf([
    { name: './', type: 'directory' },
    { name: './AGENTS.md', content: 'hello' },
    { name: 'tools/run.sh', mode: 0o755, content: '#!/bin/sh' },
    { name: 'tools/', type: 'directory' },
    { name: 'link', type: 'symlink', linkname: 'AGENTS.md' },
    { name: 'same', type: 'link', linkname: './AGENTS.md' },
    { name: '.git/config', content: 'not part of it' },
  ]);
  for (const bytes of [tar, gzipSync(tar)]) {
    for (const chunk of [1, 513, bytes.length]) {
      const to = await unpack(bytes, chunk);
      expect(await readFile(join(to, 'AGENTS.md'), 'utf8')).toBe('hello');
      expect(await readFile(join(to, 'same'), 'utf8')).toBe('hello');
      expect((await lstat(join(to, 'link'))).isSymbolicLink()).toBe(true);
      expect((await stat(join(to, 'tools/run.sh'))).mode & 0o111).not.toBe(0);
      expect((await readdir(to)).sort()).toEqual(['AGENTS.md', 'link', 'same', 'tools']);
    }
  }
});

test.each<[string, Member[], RegExp]>([
  ['a path upwards', [{ name: '../evil', content: 'x' }], /leads out/],
  ['a hidden path upwards', [{ name: 'a/../../evil', content: 'x' }], /leads out/],
  ['an absolute path', [{ name: '/etc/passwd', content: 'x' }], /absolute/],
  [
    'a name twice',
    [
      { name: 'a', content: 'x' },
      { name: './a', content: 'y' },
    ],
    /twice/,
  ],
  [
    'a file below a file',
    [
      { name: 'a', content: 'x' },
      { name: 'a/b', content: 'y' },
    ],
    /lies below/,
  ],
  [
    'a file below a link',
    [
      { name: 'a', type: 'symlink', linkname: '/etc' },
      { name: 'a/b', content: 'y' },
    ],
    /lies below/,
  ],
  ['a hard link outwards', [{ name: 'a', type: 'link', linkname: '/etc/passwd' }], /hard link/],
  ['a hard link upwards', [{ name: 'a', type: 'link', linkname: '../a' }], /hard link/],
  [
    'a name that no file can have',
    [{ name: 'é'.repeat(128), content: 'x' }],
    /name longer than 255/,
  ],
  ['a device', [{ name: 'a', type: 'character-device' }], /character-device/],
  ['a FIFO', [{ name: 'a', type: 'fifo' }], /fifo/],
  ['nothing', [], /empty/],
])('%s is refused', async (_what, members, why) => {
  const tar = await tarOf(members);
  expect(await refused(tar)).toMatch(why);
  expect(await refused(gzipSync(tar))).toMatch(why);
});

test('a name that is not UTF-8 is refused', async () => {
  const tar = await tarOf([{ name: 'abc', content: 'x' }]);
  // The checksum counts the header's bytes: what one loses another gains.
  tar[0] = 0xff;
  tar[1] = (tar[1] ?? 0) - (0xff - 0x61);
  expect(await refused(tar)).toMatch(/UTF-8|no tar/);
});

test('an archive that was cut off is refused wherever the cut is', async () => {
  const tar = await tarOf([{ name: 'AGENTS.md', content: 'x'.repeat(5000) }]);
  const zipped = gzipSync(tar);
  for (const part of [0.3, 0.6, 0.95]) {
    expect(await refused(zipped.subarray(0, Math.floor(zipped.length * part)))).toMatch(
      /too early/,
    );
  }
  expect(await refused(tar.subarray(0, 2000))).toMatch(/too early/);
  expect(
    await refused(Buffer.from('this is a text and nothing else, long enough to look at')),
  ).toMatch(/no tar|too early/);
  expect(await refused(Buffer.alloc(0))).toMatch(/empty/);
});

test('a bomb is given up as soon as it is one', async () => {
  const tar = pack();
  const bomb = tar.entry({ name: 'zeros', size: 10 * 1024 ** 3 });
  const block = Buffer.alloc(1024 * 1024);
  let stopped = false;
  bomb.on('error', () => {
    stopped = true;
  });
  void (async () => {
    for (let sent = 0; sent < 10 * 1024 && !stopped; sent += 1) {
      if (!bomb.write(block)) await new Promise((resolve) => bomb.once('drain', resolve));
    }
  })();
  const zipped = tar.pipe(createGzip({ level: 1 }));
  const to = await tempFolder();
  const error = await unpackArchive(zipped, to).catch((thrown: unknown) => thrown);
  stopped = true;
  tar.destroy();
  expect(error).toBeInstanceOf(BuildRefused);
  expect(await readdir(to)).toEqual([]);
});

test('more than the limits allow is refused', async () => {
  const limits = { members: 10, fileBytes: 100, totalBytes: 250 };
  const file = (name: string, bytes: number) => ({ name, content: 'x'.repeat(bytes) });
  const why = async (members: Member[]) => {
    const to = await tempFolder();
    const given = Readable.from([await tarOf(members)], { objectMode: false });
    const error = await unpackArchive(given, to, limits).catch((thrown: unknown) => thrown);
    return error instanceof BuildRefused ? error.problems.map(problemText).join('; ') : error;
  };
  const folders = Array.from({ length: 11 }, (_, at) => ({ name: `d${at}/`, type: 'directory' }));
  expect(await why(folders.slice(0, 10) as Member[])).toBeUndefined();
  expect(await why(folders as Member[])).toMatch(/more than 10 files/);
  expect(await why([file('a', 100)])).toBeUndefined();
  expect(await why([file('a', 101)])).toMatch(/a: is 101 bytes/);
  expect(await why([file('a', 90), file('b', 90), file('c', 90)])).toMatch(/more than 250 bytes/);
});
