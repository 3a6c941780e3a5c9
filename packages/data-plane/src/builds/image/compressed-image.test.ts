import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTree } from '../../releases/read-tree.ts';
import { fillFolder, type folderOf, tempFolder } from '../../releases/testing/temp-folder.ts';
import { walkFolder } from '../../releases/walk.ts';
import { storedImage } from './compressed-image.ts';
import { extractImage } from './extract-image.ts';
import { writeImageFile } from './image-file.ts';
import { IMAGE_MAGIC, readManifest } from './manifest.ts';
import { fileDigests, imageOf } from './write-image.ts';

async function written(files: Parameters<typeof folderOf>[0]) {
  const tree = await fillFolder(await tempFolder(), files);
  const { entries } = await walkFolder(tree);
  const digests = await fileDigests(tree, entries);
  const plain = await buffer(Readable.from(imageOf(tree, entries, digests)));
  const line = plain.toString('utf8').split('\n')[1] ?? '';
  const path = join(await tempFolder(), 'image');
  const file = await writeImageFile(path, tree, readManifest(line));
  return { path, file, plain, content: (await readTree(tree)).content };
}

const stored = (bytes: Uint8Array) => storedImage(Readable.from([bytes], { objectMode: false }));

test('a compressed image is smaller, is named by its bytes, and comes out as it went in', async () => {
  const { path, file, plain, content } = await written({
    'AGENTS.md': 'You sell coffee. '.repeat(10_000),
    'docs/more.md': 'the same line over and over\n'.repeat(10_000),
  });
  const bytes = await readFile(path);
  expect(file).toEqual({
    digest: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  });
  expect(bytes.length).toBeLessThan(plain.length / 50);
  const to = await tempFolder();
  const { manifest } = await extractImage(storedImage(createReadStream(path)), to);
  expect(manifest.digest).toBe(content);
  expect((await readTree(to)).content).toBe(content);
});

test('an image that was kept plain is read as it is', async () => {
  const { plain, content } = await written({ 'AGENTS.md': 'hello' });
  const { manifest } = await extractImage(stored(plain), await tempFolder());
  expect(manifest.digest).toBe(content);
});

test('a compressed image with any byte changed or cut is refused', async () => {
  const { path, content } = await written({ 'AGENTS.md': 'hello', 'b.txt': 'more' });
  const bytes = await readFile(path);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(bytes.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (at, by, cut) => {
        const broken = cut ? bytes.subarray(0, at) : Buffer.from(bytes);
        if (!cut) broken[at] = (broken[at] ?? 0) ^ by;
        const to = await tempFolder();
        const read = extractImage(stored(broken), to).then(({ manifest }) => manifest.digest);
        const digest = await read.catch((error: unknown) => error);
        // Some bits of a frame's header say nothing.
        if (typeof digest === 'string') expect(digest).toBe(content);
        else expect(digest).toBeInstanceOf(Error);
      },
    ),
    { numRuns: 60 },
  );
});

test('a bomb is unpacked no further than its manifest goes', async () => {
  const manifest = JSON.stringify([['file', 'a', false, 3, 'a'.repeat(64)]]);
  const head = Buffer.from(`${IMAGE_MAGIC}\n${manifest}\n`);
  const bomb = zstdCompressSync(Buffer.concat([head, Buffer.alloc(256 * 1024 * 1024)]));
  expect(bomb.length).toBeLessThan(64 * 1024);
  let unpacked = 0;
  async function* counted() {
    for await (const chunk of stored(bomb)) {
      unpacked += chunk.length;
      yield chunk;
    }
  }
  await expect(extractImage(counted(), await tempFolder())).rejects.toThrow();
  expect(unpacked).toBeLessThan(1024 * 1024);
});

test('a frame that asks for more memory than ours do is refused', async () => {
  const content = Buffer.alloc(1024 * 1024, 'x');
  const digest = createHash('sha256').update(content).digest('hex');
  const manifest = JSON.stringify([['file', 'a', false, content.length, digest]]);
  const image = Buffer.concat([Buffer.from(`${IMAGE_MAGIC}\n${manifest}\n`), content]);
  const within = async (windowLog: number) => {
    const packing = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
    // In two pieces: of one that it has whole, a compressor needs no more than its size.
    packing.write(image.subarray(0, 100));
    packing.flush(() => packing.end(image.subarray(100)));
    const frame = await buffer(packing);
    return extractImage(stored(frame), await tempFolder());
  };
  expect((await within(23)).manifest.totalBytes).toBe(content.length);
  await expect(within(26)).rejects.toThrow();
});
