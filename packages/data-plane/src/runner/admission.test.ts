import { KartaError } from '@karta/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Admission } from './admission.ts';

/** An admission whose victims go at once, or only when the test says so. */
function setUp(budgetBytes: number, { waitMs = 60_000, slow = false } = {}) {
  const ended: string[] = [];
  const admission: Admission = new Admission({
    budgetBytes,
    waitMs,
    end(id) {
      ended.push(id);
      if (!slow) queueMicrotask(() => admission.release(id));
    },
  });
  return { admission, ended };
}

const nobody = () => undefined;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  return KartaError.is(error) ? error.code : String(error);
}

test('room is given at once, without a notice', async () => {
  const { admission } = setUp(10);
  let queued = 0;
  await admission.acquire('a', 6, () => (queued += 1));
  await admission.acquire('b', 4, () => (queued += 1));
  expect(queued).toBe(0);
  expect(admission.usedBytes).toBe(10);
});

test('a full machine queues in order and serves in order', async () => {
  const { admission } = setUp(10);
  await admission.acquire('a', 10, nobody);
  const order: string[] = [];
  const queued: string[] = [];
  const large = admission.acquire('large', 8, () => queued.push('large'));
  const small = admission.acquire('small', 2, () => queued.push('small'));
  const done = [large.then(() => order.push('large')), small.then(() => order.push('small'))];
  expect(queued).toEqual(['large', 'small']);
  admission.release('a');
  await Promise.all(done);
  expect(order).toEqual(['large', 'small']);
});

test('parked sandboxes and idle sessions are ended for a request, busy ones are not', async () => {
  const { admission, ended } = setUp(10);
  expect(admission.tryPark('slot', 4, 10)).toBe(true);
  await admission.acquire('busy', 3, nobody);
  await admission.acquire('idle', 3, nobody);
  admission.idle('idle');
  await admission.acquire('new', 7, nobody);
  expect(ended).toEqual(['slot', 'idle']);
  expect(admission.usedBytes).toBe(10);
});

test('nobody is ended twice while it takes its time to go', async () => {
  const { admission, ended } = setUp(10, { slow: true });
  await admission.acquire('idle', 10, nobody);
  admission.idle('idle');
  const first = admission.acquire('first', 5, nobody);
  const second = admission.acquire('second', 5, nobody);
  admission.busy('idle');
  expect(ended).toEqual(['idle']);
  admission.release('idle');
  await Promise.all([first, second]);
});

test('whoever waits too long is told when to come back, and the next is served', async () => {
  const { admission } = setUp(10, { waitMs: 20 });
  await admission.acquire('a', 6, nobody);
  const large = admission.acquire('large', 8, nobody);
  const error = await large.catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'capacity', retryAfter: 5 });
  await admission.acquire('small', 4, nobody);
});

test('a request behind one that gives up is served by that', async () => {
  const { admission } = setUp(10, { waitMs: 30 });
  await admission.acquire('a', 6, nobody);
  const large = codeOf(admission.acquire('large', 8, nobody));
  const small = admission.acquire('small', 4, nobody);
  expect(await large).toBe('capacity');
  await small;
});

test('what can never fit is refused at once', async () => {
  const { admission } = setUp(10);
  expect(await codeOf(admission.acquire('huge', 11, nobody))).toBe('capacity');
});

test('a pool slot takes only what nobody else wants', async () => {
  const { admission } = setUp(10);
  expect(admission.tryPark('one', 3, 5)).toBe(true);
  expect(admission.tryPark('two', 3, 5)).toBe(false);
  await admission.acquire('a', 7, nobody);
  admission.claim('one');
  expect(admission.tryPark('two', 1, 5)).toBe(false);
});

test('a session that was just attached is left alone for its grace', async () => {
  const { admission, ended } = setUp(10, { waitMs: 10 });
  await admission.acquire('a', 10, nobody);
  admission.idle('a', 3_600_000);
  expect(await codeOf(admission.acquire('b', 5, nobody))).toBe('capacity');
  expect(ended).toEqual([]);
  admission.close();
});

test('a session that is used within its grace is not idle when the grace is over', async () => {
  const { admission, ended } = setUp(10, { waitMs: 60 });
  await admission.acquire('a', 10, nobody);
  admission.idle('a', 20);
  admission.busy('a');
  expect(await codeOf(admission.acquire('b', 5, nobody))).toBe('capacity');
  expect(ended).toEqual([]);
});

test('a stop refuses all who wait', async () => {
  const { admission } = setUp(10);
  await admission.acquire('a', 10, nobody);
  const waiting = codeOf(admission.acquire('b', 5, nobody));
  admission.close();
  expect(await waiting).toBe('shutting_down');
});

test('whatever comes and goes, the budget holds and everybody is answered', async () => {
  const step = fc.record({
    act: fc.constantFrom('acquire', 'park', 'idle', 'release'),
    who: fc.nat(9),
    bytes: fc.integer({ min: 1, max: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { admission } = setUp(10);
      const asked: Promise<string>[] = [];
      const held = new Set<string>();
      for (const [index, { act, who, bytes }] of steps.entries()) {
        const id = act === 'acquire' || act === 'park' ? `${index}` : [...held][who];
        if (id === undefined) continue;
        if (act === 'park' && admission.tryPark(id, bytes, 5)) held.add(id);
        if (act === 'acquire') {
          asked.push(codeOf(admission.acquire(id, bytes, nobody).then(() => void held.add(id))));
        }
        if (act === 'idle') admission.idle(id);
        if (act === 'release') {
          held.delete(id);
          admission.release(id);
        }
        await Promise.resolve();
        expect(admission.usedBytes).toBeLessThanOrEqual(10);
      }
      admission.close();
      for (const code of await Promise.all(asked)) {
        expect(['null', 'shutting_down', 'undefined']).toContain(code);
      }
    }),
  );
});
