import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { oneByOne } from '../testing/event-batches.ts';
import { readJsonLines } from './json-lines.ts';
import { FRAME_LIMITS } from './limits.ts';

async function collect(source: Readable): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { value } of oneByOne(readJsonLines(source))) values.push(value);
  return values;
}

/** A source that makes bytes only when it is read, and counts them. */
function endless(chunk: Buffer) {
  const state = { sent: 0 };
  const source = new Readable({
    read() {
      state.sent += chunk.length;
      this.push(chunk);
    },
  });
  return { source, state };
}

it('gives the same values however the bytes are cut', async () => {
  // A `__proto__` key is dropped on purpose, which `parseHostileJson` has tests for.
  const harmless = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));
  const lines = fc.array(harmless, { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(lines, fc.array(fc.nat(40), { minLength: 1 }), async (values, cuts) => {
      const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
      const chunks: Buffer[] = [];
      for (let at = 0, index = 0; at < bytes.length; index += 1) {
        const size = 1 + (cuts[index % cuts.length] ?? 0);
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      const read = await collect(Readable.from(chunks, { objectMode: false }));
      expect(JSON.stringify(read)).toBe(
        JSON.stringify(values.map((v) => JSON.parse(JSON.stringify(v)))),
      );
    }),
    { numRuns: 200 },
  );
});

it('skips blank lines and takes a last line without its end', async () => {
  expect(await collect(Readable.from([Buffer.from('\n \r\n{"a":1}\r\n\n2')]))).toEqual([
    { a: 1 },
    2,
  ]);
});

it('refuses a line without end after its bound, holding little more than the bound', async () => {
  const { source, state } = endless(Buffer.alloc(64 * 1024, 'x'));
  await expect(collect(source)).rejects.toMatchObject({ code: 'frame_too_large' });
  expect(source.destroyed).toBe(true);
  expect(state.sent).toBeLessThan(FRAME_LIMITS.frameBytes + 1024 * 1024);
});

it('refuses a line that is over the bound within one chunk', async () => {
  const line = Buffer.from(`"${'x'.repeat(FRAME_LIMITS.frameBytes)}"\n`);
  await expect(collect(Readable.from([line]))).rejects.toMatchObject({ code: 'frame_too_large' });
});

it('yields what came before a line that breaks a bound, then throws', async () => {
  const frames = readJsonLines(Readable.from([Buffer.from('1\n2\nnonsense\n3\n')]));
  expect((await frames.next()).value).toMatchObject([{ value: 1 }, { value: 2 }]);
  await expect(frames.next()).rejects.toMatchObject({ code: 'not_json' });
});

it('reads no further than its reader does', async () => {
  const { source, state } = endless(
    Buffer.from('{"type":"stream_event","event":{}}\n'.repeat(1000)),
  );
  const frames = readJsonLines(source);
  await frames.next();
  expect(state.sent).toBeLessThan(512 * 1024);
  await frames.return(undefined);
  expect(source.destroyed).toBe(true);
});

it('passes a million frames in flat memory', async () => {
  const line = '{"type":"stream_event","event":{"delta":"word"}}\n';
  const chunk = Buffer.from(line.repeat(1000));
  let chunks = 0;
  const source = new Readable({
    read() {
      chunks += 1;
      this.push(chunks > 1000 ? null : chunk);
    },
  });
  const before = process.memoryUsage().rss;
  let count = 0;
  for await (const batch of readJsonLines(source)) count += batch.length;
  expect(count).toBe(1_000_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
});

it('passes gigabytes of large frames in flat memory', async () => {
  const chunk = Buffer.from(`${JSON.stringify({ type: 'user', text: 'x'.repeat(2_000_000) })}\n`);
  let chunks = 0;
  const source = new Readable({
    read() {
      chunks += 1;
      this.push(chunks > 500 ? null : chunk);
    },
  });
  const before = process.memoryUsage().rss;
  let count = 0;
  for await (const batch of readJsonLines(source)) count += batch.length;
  expect(count).toBe(500);
  expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024);
});
