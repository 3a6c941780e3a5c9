import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { openBlobFolder } from './blob-store.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'karta-blobs-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

const bytesOf = (...parts: string[]) => Readable.from(parts.map((part) => Buffer.from(part)));
const HELLO = createHash('sha256').update('hello').digest('hex');

test('a blob is named by its content and read back as it was', async () => {
  const store = await openBlobFolder(await folder());
  const stored = await store.put(bytesOf('he', 'llo'), { maxBytes: 5, expected: HELLO });
  expect(stored).toEqual({ digest: HELLO, bytes: 5 });
  expect(await store.put(bytesOf('hello'), { maxBytes: 5 })).toEqual(stored);
  const found = await store.open(HELLO);
  expect(found?.bytes).toBe(5);
  expect(found && (await text(found.body))).toBe('hello');
  await store.remove(HELLO);
  expect(await store.open(HELLO)).toBeNull();
  await store.remove(HELLO);
});

test('what is too large, another content or cut off leaves nothing behind', async () => {
  const path = await folder();
  const store = await openBlobFolder(path);
  await expect(store.put(bytesOf('hello!'), { maxBytes: 5 })).rejects.toMatchObject({
    code: 'payload_too_large',
  });
  await expect(store.put(bytesOf('other'), { maxBytes: 5, expected: HELLO })).rejects.toMatchObject(
    { code: 'invalid_request' },
  );
  const cut = new Readable({
    read() {
      this.push('he');
      this.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
    },
  });
  await expect(store.put(cut, { maxBytes: 5 })).rejects.toMatchObject({ code: 'invalid_request' });
  expect(await readdir(path)).toEqual(['drafts']);
  expect(await readdir(join(path, 'drafts'))).toEqual([]);
});

test('a name that is no digest reaches no file', async () => {
  const store = await openBlobFolder(await folder());
  await expect(store.open('../../etc/passwd')).rejects.toThrow('not a digest');
});

test.runIf(process.getuid?.() === 0)('a full disk is told, and leaves nothing behind', async () => {
  const path = await folder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'karta-test', path]);
  onTestFinished(() => void execFileSync('umount', [path]));
  const store = await openBlobFolder(path);
  const much = Readable.from(Array.from({ length: 10 }, () => Buffer.alloc(100_000, 'x')));
  await expect(store.put(much, { maxBytes: 10_000_000 })).rejects.toMatchObject({
    code: 'storage_full',
  });
  expect(await readdir(join(path, 'drafts'))).toEqual([]);
  expect(await store.put(bytesOf('hello'), { maxBytes: 5 })).toMatchObject({ digest: HELLO });
});

test('what is listed is removed unless it was put since', async () => {
  const store = await openBlobFolder(await folder());
  await store.put(bytesOf('hello'), { maxBytes: 5 });
  const listed = [];
  for await (const blob of store.list()) listed.push(blob);
  expect(listed).toMatchObject([{ digest: HELLO }]);
  const at = listed[0]?.modifiedAt ?? 0;
  expect(await store.remove(HELLO, at - 1)).toBe(0);
  expect(await store.remove(HELLO, at)).toBe(5);
  expect(await store.remove(HELLO)).toBe(0);
});
