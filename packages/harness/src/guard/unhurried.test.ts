import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BURST, PACE_MS, unhurried, WHOLE_BYTES } from './unhurried.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function* pieces(count: number, gapMs = 0): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n += 1) {
    if (gapMs > 0) await new Promise((resolve) => setTimeout(resolve, gapMs));
    yield Buffer.from([n % 256]);
  }
}

/** Reads on, and says how many pieces came when time stands still. */
function reading(source: AsyncIterable<Uint8Array>) {
  const state = { taken: 0, over: false };
  void (async () => {
    for await (const _ of unhurried(source)) state.taken += 1;
    state.over = true;
  })();
  return state;
}

test('what a model says is taken as it comes', async () => {
  const state = reading(pieces(BURST * 4, PACE_MS));
  for (let n = 1; n <= BURST * 4; n += 1) {
    await vi.advanceTimersByTimeAsync(PACE_MS);
    expect(state.taken).toBe(n);
  }
});

test('the first of a flood are too, then one piece in each pace', async () => {
  const state = reading(pieces(BURST + 10));
  await vi.advanceTimersByTimeAsync(0);
  expect(state.taken).toBe(BURST + 1);
  for (let n = 2; n <= 10; n += 1) {
    await vi.advanceTimersByTimeAsync(PACE_MS);
    expect(state.taken).toBe(BURST + n);
  }
  await vi.advanceTimersByTimeAsync(PACE_MS);
  expect(state.over).toBe(true);
});

test('a quiet moment is a new beginning', async () => {
  const state = reading(
    (async function* () {
      yield* pieces(BURST);
      await new Promise((resolve) => setTimeout(resolve, BURST * PACE_MS));
      yield* pieces(BURST);
    })(),
  );
  await vi.advanceTimersByTimeAsync(BURST * PACE_MS);
  expect(state.taken).toBe(2 * BURST);
});

test('large pieces are taken as they come', async () => {
  const state = reading(
    (async function* () {
      for (let n = 0; n < 10 * BURST; n += 1) yield new Uint8Array(WHOLE_BYTES);
    })(),
  );
  await vi.advanceTimersByTimeAsync(0);
  expect(state.taken).toBe(10 * BURST);
});

test('every byte comes through, in order', async () => {
  vi.useRealTimers();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array(), { maxLength: BURST + 4 }), async (chunks) => {
      const read: Uint8Array[] = [];
      const source = (async function* () {
        yield* chunks;
      })();
      for await (const piece of unhurried(source)) read.push(piece);
      expect(Buffer.concat(read)).toEqual(Buffer.concat(chunks));
    }),
    { numRuns: 50 },
  );
});

test('a failure of the source comes through, and a reader that leaves ends it', async () => {
  const left = vi.fn<() => void>();
  async function* failing(): AsyncGenerator<Uint8Array> {
    try {
      yield Buffer.from('a');
      throw new Error('broken');
    } finally {
      left();
    }
  }
  const broken = unhurried(failing());
  await broken.next();
  await expect(broken.next()).rejects.toThrow('broken');
  const leaving = unhurried(failing());
  await leaving.next();
  await leaving.return(undefined);
  expect(left).toHaveBeenCalledTimes(2);
});
