import { KartaError } from '@karta/protocol';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { Admission, type Place } from './admission.ts';
import { RUNNER_LIMITS } from './limits.ts';

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

afterEach(() => void vi.useRealTimers());

const nobody = () => undefined;

function of(id: string, bytes: number, org = 'org_1'): Place {
  return { id, org, bytes };
}

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
  await admission.acquire(of('a', 6), () => (queued += 1));
  await admission.acquire(of('b', 4), () => (queued += 1));
  expect(queued).toBe(0);
  expect(admission.usedBytes).toBe(10);
});

test('a full machine queues in order and serves in order', async () => {
  const { admission } = setUp(10);
  await admission.acquire(of('a', 10), nobody);
  const order: string[] = [];
  const queued: string[] = [];
  const large = admission.acquire(of('large', 8), () => queued.push('large'));
  const small = admission.acquire(of('small', 2), () => queued.push('small'));
  const done = [large.then(() => order.push('large')), small.then(() => order.push('small'))];
  expect(queued).toEqual(['large', 'small']);
  admission.release('a');
  await Promise.all(done);
  expect(order).toEqual(['large', 'small']);
});

test('parked sandboxes and idle sessions are ended for a request, busy ones are not', async () => {
  const { admission, ended } = setUp(10);
  expect(admission.tryPark(of('slot', 4), 10)).toBe(true);
  await admission.acquire(of('busy', 3), nobody);
  await admission.acquire(of('idle', 3), nobody);
  admission.idle('idle');
  await admission.acquire(of('new', 7), nobody);
  expect(ended).toEqual(['slot', 'idle']);
  expect(admission.usedBytes).toBe(10);
});

test('nobody is ended twice while it takes its time to go', async () => {
  const { admission, ended } = setUp(10, { slow: true });
  await admission.acquire(of('idle', 10), nobody);
  admission.idle('idle');
  const first = admission.acquire(of('first', 5), nobody);
  const second = admission.acquire(of('second', 5), nobody);
  admission.busy('idle');
  expect(ended).toEqual(['idle']);
  admission.release('idle');
  await Promise.all([first, second]);
});

test('whoever waits too long is told when to come back, and the next is served', async () => {
  const { admission } = setUp(10, { waitMs: 20 });
  await admission.acquire(of('a', 6), nobody);
  const large = admission.acquire(of('large', 8), nobody);
  const error = await large.catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'capacity', retryAfter: 5 });
  await admission.acquire(of('small', 4), nobody);
});

test('a request behind one that gives up is served by that', async () => {
  const { admission } = setUp(10, { waitMs: 30 });
  await admission.acquire(of('a', 6), nobody);
  const large = codeOf(admission.acquire(of('large', 8), nobody));
  const small = admission.acquire(of('small', 4), nobody);
  expect(await large).toBe('capacity');
  await small;
});

test('what can never fit is refused at once', async () => {
  const { admission } = setUp(10);
  expect(await codeOf(admission.acquire(of('huge', 11), nobody))).toBe('capacity');
});

test('a pool slot takes only what nobody else wants', async () => {
  const { admission } = setUp(10);
  expect(admission.tryPark(of('one', 3), 5)).toBe(true);
  expect(admission.tryPark(of('two', 3), 5)).toBe(false);
  await admission.acquire(of('a', 7), nobody);
  admission.claim('one');
  expect(admission.tryPark(of('two', 1), 5)).toBe(false);
});

test('a session that was just attached is left alone for its grace', async () => {
  const { admission, ended } = setUp(10, { waitMs: 10 });
  await admission.acquire(of('a', 10), nobody);
  admission.idle('a', 3_600_000);
  expect(await codeOf(admission.acquire(of('b', 5), nobody))).toBe('capacity');
  expect(ended).toEqual([]);
  admission.close();
});

test('a session that is used within its grace is not idle when the grace is over', async () => {
  const { admission, ended } = setUp(10, { waitMs: 60 });
  await admission.acquire(of('a', 10), nobody);
  admission.idle('a', 20);
  admission.busy('a');
  expect(await codeOf(admission.acquire(of('b', 5), nobody))).toBe('capacity');
  expect(ended).toEqual([]);
});

test('a stop refuses all who wait', async () => {
  const { admission } = setUp(10);
  await admission.acquire(of('a', 10), nobody);
  const waiting = codeOf(admission.acquire(of('b', 5), nobody));
  admission.close();
  expect(await waiting).toBe('shutting_down');
});

test("a burst of one org does not delay another's first, and each org keeps its own order", async () => {
  const { admission } = setUp(3);
  const order: string[] = [];
  const ask = (id: string, org: string) =>
    void admission.acquire(of(id, 1, org), nobody).then(() => order.push(id), nobody);
  for (let index = 0; index < 100; index += 1) ask(`burst-${index}`, 'loud');
  ask('calm-0', 'calm');
  ask('late-0', 'late');
  ask('calm-1', 'calm');
  await Promise.resolve();
  for (let index = 0; order.length < 7; index += 1) {
    admission.release(`burst-${index}`);
    await new Promise(setImmediate);
  }
  const burst = [0, 1, 2, 3, 4].map((index) => `burst-${index}`);
  // Each holds one of the three places from then on: whoever gives one back has it again.
  expect(order).toEqual([...burst.slice(0, 3), 'calm-0', 'late-0', ...burst.slice(3)]);
  admission.close();
});

test('whoever is let in is of an org that holds no more than any other that waits', async () => {
  const step = fc.record({
    org: fc.nat(4),
    leaves: fc.boolean(),
    bytes: fc.integer({ min: 1, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { admission } = setUp(6);
      const waiting = new Map<string, string>();
      const held = new Map<string, Place>();
      const heldBy = (org: string) =>
        [...held.values()]
          .filter((one) => one.org === org)
          .reduce((sum, one) => sum + one.bytes, 0);
      for (const [index, { org, leaves, bytes }] of steps.entries()) {
        const [first] = held.keys();
        if (leaves && first !== undefined) {
          held.delete(first);
          admission.release(first);
        } else {
          const place = of(`${index}`, bytes, `org_${org}`);
          waiting.set(place.id, place.org);
          const letIn = () => {
            for (const other of waiting.values()) {
              expect(heldBy(place.org)).toBeLessThanOrEqual(heldBy(other));
            }
            waiting.delete(place.id);
            held.set(place.id, place);
          };
          void admission.acquire(place, nobody).then(letIn, nobody);
        }
        await new Promise(setImmediate);
      }
      admission.close();
    }),
    { numRuns: 50 },
  );
});

test('what another org has used a moment ago is ended last, and not at once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const { admission, ended } = setUp(4);
  await admission.acquire(of('calm', 1, 'calm'), nobody);
  for (const id of ['loud-1', 'loud-2', 'loud-3'])
    await admission.acquire(of(id, 1, 'loud'), nobody);
  admission.idle('calm');
  admission.idle('loud-2');
  await admission.acquire(of('loud-4', 1, 'loud'), nobody);
  expect(ended).toEqual(['loud-2']);
  const more = admission.acquire(of('loud-5', 1, 'loud'), nobody);
  await vi.advanceTimersByTimeAsync(RUNNER_LIMITS.keptForOthersMs - 1);
  expect(ended).toEqual(['loud-2']);
  await vi.advanceTimersByTimeAsync(2);
  await more;
  expect(ended).toEqual(['loud-2', 'calm']);
});

test('whatever comes and goes, the budget holds and everybody is answered', async () => {
  const step = fc.record({
    act: fc.constantFrom('acquire', 'park', 'idle', 'release'),
    who: fc.nat(9),
    bytes: fc.integer({ min: 1, max: 8 }),
    org: fc.constantFrom('a', 'b', 'c'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { admission } = setUp(10);
      const asked: Promise<string>[] = [];
      const held = new Set<string>();
      for (const [index, { act, who, bytes, org }] of steps.entries()) {
        const id = act === 'acquire' || act === 'park' ? `${index}` : [...held][who];
        if (id === undefined) continue;
        if (act === 'park' && admission.tryPark(of(id, bytes, org), 5)) held.add(id);
        if (act === 'acquire') {
          asked.push(
            codeOf(admission.acquire(of(id, bytes, org), nobody).then(() => void held.add(id))),
          );
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
