import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { flushPkt, onBand, pktLine, pktLines } from './pkt-line.ts';

async function linesOf(bytes: Buffer, chunk: number): Promise<(Buffer | null)[]> {
  const parts = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, at) =>
    bytes.subarray(at * chunk, (at + 1) * chunk),
  );
  const lines: (Buffer | null)[] = [];
  for await (const line of pktLines(Readable.from(parts))) lines.push(line);
  return lines;
}

test('lines come out as they went in, however they arrive', async () => {
  const content = fc.uint8Array({ minLength: 1, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(fc.array(content), fc.integer({ min: 1, max: 50 }), async (all, chunk) => {
      const bytes = Buffer.concat([...all.map((one) => pktLine(one)), flushPkt()]);
      const lines = await linesOf(bytes, chunk);
      expect(lines).toEqual([...all.map((one) => Buffer.from(one)), null]);
    }),
  );
});

test('a long text takes as many lines of its band as it needs', async () => {
  const lines = await linesOf(onBand(2, Buffer.alloc(200_000, 'x')), 65_536);
  expect(lines.every((line) => line?.[0] === 2 && line.length <= 65_516)).toBe(true);
  expect(lines.reduce((sum, line) => sum + (line?.length ?? 0) - 1, 0)).toBe(200_000);
});

test('what is no line is an error', async () => {
  await expect(linesOf(Buffer.from('fatal: not a repository'), 8)).rejects.toThrow();
});
