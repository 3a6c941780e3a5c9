import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { getDefaultHighWaterMark } from 'node:stream';
import { expect, test } from 'vitest';
import { readingOnDemand } from './reading-on-demand.ts';

/** Few enough that the kernel holds them all. */
const LINES = 100;
const WRITES = `for (let n = 0; n < ${LINES}; n++) require('fs').writeSync(1, 'word\\n');
  require('fs').writeSync(2, 'all written');`;

test('what a program writes bit by bit waits outside, and comes in one piece', async () => {
  const child = readingOnDemand(() => spawn(process.execPath, ['-e', WRITES]));
  const { stdout, stderr } = child;
  await once(stdout, 'readable');
  const first = stdout.read() as Buffer;
  await once(stderr, 'data');
  const pieces: Buffer[] = [first];
  for await (const piece of stdout) pieces.push(piece as Buffer);
  expect(Buffer.concat(pieces).toString()).toBe('word\n'.repeat(LINES));
  expect(pieces.length).toBeLessThan(LINES / 10);
});

test('streams made elsewhere are as they were', () => {
  const usual = getDefaultHighWaterMark(false);
  expect(() =>
    readingOnDemand(() => {
      throw new Error('not made');
    }),
  ).toThrow('not made');
  expect(getDefaultHighWaterMark(false)).toBe(usual);
});
