import { describe, expect, it } from 'vitest';
import { FrameQueue } from './frame-queue.ts';

/** Whether a promise is settled once all that is ready has run. */
async function settled(promise: undefined | Promise<unknown>): Promise<boolean> {
  let done = false;
  void Promise.resolve(promise).then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('items', () => {
  it('come out in order and all that wait at once, also to a taker that waits', async () => {
    const queue = new FrameQueue<number>();
    const first = queue.take();
    queue.push(1, 1);
    expect(await first).toEqual([1]);
    queue.push(2, 1);
    queue.push(3, 1);
    expect(await queue.take()).toEqual([2, 3]);
  });

  it('can be taken after the end, then there is none', async () => {
    const queue = new FrameQueue<number>();
    await queue.push(1, 1);
    queue.close();
    expect([await queue.take(), await queue.take()]).toEqual([[1], null]);
    expect(queue.pushNow(2)).toBe(false);
  });

  it('end a wait that has a limit', async () => {
    const queue = new FrameQueue<number>();
    expect(await queue.take(5)).toBe('timeout');
    queue.pushNow(1);
    expect(await queue.take(5)).toEqual([1]);
  });

  it('wake a taker when the queue is closed', async () => {
    const queue = new FrameQueue<number>();
    const taken = queue.take();
    queue.close();
    expect(await taken).toBeNull();
  });
});

describe('a full queue', () => {
  it('holds up the giver until there is room', async () => {
    const queue = new FrameQueue<number>();
    for (let count = 0; count < 511; count += 1) await queue.push(count, 1);
    const waiting = queue.push(511, 1);
    expect(await settled(waiting)).toBe(false);
    await queue.take();
    expect(await settled(waiting)).toBe(true);
  });

  it('counts bytes as well', async () => {
    const queue = new FrameQueue<number>();
    const waiting = queue.push(1, 9 * 1024 * 1024);
    expect(await settled(waiting)).toBe(false);
    await queue.take();
    expect(await settled(waiting)).toBe(true);
  });

  it('lets the giver go when it is dropped or closed', async () => {
    for (const free of [
      (queue: FrameQueue<number>) => queue.drop(true),
      (queue: FrameQueue<number>) => queue.close(),
    ]) {
      const queue = new FrameQueue<number>();
      const waiting = queue.push(1, 9 * 1024 * 1024);
      free(queue);
      expect(await settled(waiting)).toBe(true);
    }
  });
});

it('forgets what came while it dropped', async () => {
  const queue = new FrameQueue<number>();
  queue.pushNow(1);
  queue.drop(true);
  expect(queue.pushNow(2)).toBe(false);
  queue.drop(false);
  queue.pushNow(3);
  expect(await queue.take()).toEqual([3]);
});
