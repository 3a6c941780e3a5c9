import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventQueue } from './event-queue.ts';

test('everything arrives, in order, however it was pushed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.nat())),
      fc.integer({ min: 1, max: 5 }),
      async (batches, high) => {
        const queue = new EventQueue<number>(high);
        const read: number[] = [];
        const reading = (async () => {
          for await (const batch of queue) {
            expect(batch).not.toEqual([]);
            read.push(...batch);
          }
        })();
        for (const batch of batches) await queue.push(batch);
        queue.end();
        await reading;
        expect(read).toEqual(batches.flat());
      },
    ),
  );
});

test('a writer waits for a slow reader', async () => {
  const queue = new EventQueue<number>(2);
  let written = false;
  const writing = queue.push([1, 2, 3])?.then(() => {
    written = true;
  });
  await Promise.resolve();
  expect(written).toBe(false);
  const reader = queue[Symbol.asyncIterator]();
  expect(await reader.next()).toEqual({ value: [1, 2, 3], done: false });
  await writing;
  expect(written).toBe(true);
});

test('an abandoned queue holds nobody up', async () => {
  const queue = new EventQueue<number>(1);
  const writing = queue.push([1, 2, 3]);
  queue.abandon();
  await writing;
  await queue.push([4, 5, 6]);
  const read: number[] = [];
  for await (const batch of queue) read.push(...batch);
  expect(read).toEqual([]);
});
