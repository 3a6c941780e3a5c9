import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RUNNER_LIMITS } from './limits.ts';
import { Pool } from './pool.ts';
import { releaseNamed, SILENT, type StubBooted, stubBooted } from './testing/stub-machine.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const a = releaseNamed('rel_a');
const b = releaseNamed('rel_b');

/** A pool whose starts the test finishes or fails. */
function setUp(size = 1) {
  const starts: { id: string; ok(): StubBooted; fail(): void }[] = [];
  const discarded: string[] = [];
  const abandoned: string[] = [];
  const taken: string[] = [];
  const state = { mayStart: true, room: true };
  const pool = new Pool({
    size,
    log: SILENT,
    mayStart: () => state.mayStart,
    discard: async (slot) => void discarded.push(slot.id),
    taken: (id) => void taken.push(id),
    start(release) {
      if (!state.room) return null;
      const id = `${release.id}-${starts.length}`;
      const { promise, resolve, reject } = Promise.withResolvers<StubBooted>();
      starts.push({
        id,
        ok() {
          const slot = stubBooted(id, release);
          resolve(slot);
          return slot;
        },
        fail: () => reject(new Error('no')),
      });
      const abandon = () => {
        abandoned.push(id);
        reject(new Error('abandoned'));
      };
      return { id, slot: promise, abandon };
    },
  });
  const ids = () => starts.map((start) => start.id);
  return { pool, starts, ids, discarded, abandoned, taken, state };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

test('one slot is started at a time, until each release has its slots', async () => {
  const { pool, starts, ids } = setUp(2);
  pool.keepWarm([a, b]);
  for (let i = 0; i < 4; i += 1) {
    expect(starts).toHaveLength(i + 1);
    starts[i]?.ok();
    await settle();
  }
  expect(ids()).toEqual(['rel_a-0', 'rel_a-1', 'rel_b-2', 'rel_b-3']);
});

test('a slot goes to one session only, and the next is started a while later', async () => {
  const { pool, starts, taken } = setUp();
  pool.keepWarm([a]);
  const slot = starts[0]?.ok();
  await settle();
  expect(pool.take(a, { soon: true })).toBe(slot);
  expect(taken).toEqual(['rel_a-0']);
  expect(pool.take(a, { soon: true })).toBeNull();
  expect(pool.take(b, { soon: true })).toBeNull();
  expect(starts).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(RUNNER_LIMITS.poolRefillDelayMs + 2);
  expect(starts).toHaveLength(2);
});

test('slots whose channel was with earlier doors are dropped, and others take their place', async () => {
  const { pool, starts, ids, discarded } = setUp();
  pool.keepWarm([a, b]);
  starts[0]?.ok();
  await settle();
  starts[1]?.ok();
  await settle();
  pool.dropOlder('doors_1');
  expect(pool.ready).toBe(2);
  pool.dropOlder('doors_2');
  expect(pool.ready).toBe(0);
  expect(discarded).toEqual(['rel_a-0', 'rel_b-1']);
  expect(ids()).toHaveLength(3);
});

test('a slot that is being started goes to the first who cannot do better', async () => {
  const { pool, starts, taken } = setUp();
  pool.keepWarm([a]);
  expect(pool.take(a, { soon: false })).toBeNull();
  const soon = pool.take(a, { soon: true });
  // From this moment on, ready or not, it makes room for nobody.
  expect(taken).toEqual(['rel_a-0']);
  expect(pool.take(a, { soon: true })).toBeNull();
  const slot = starts[0]?.ok();
  expect(await soon).toBe(slot);
  expect(pool.take(a, { soon: false })).toBeNull();
});

test('nothing is started while it would disturb, or without room', async () => {
  const { pool, starts, state } = setUp();
  state.mayStart = false;
  pool.keepWarm([a]);
  expect(starts).toHaveLength(0);
  state.mayStart = true;
  state.room = false;
  pool.fill();
  expect(starts).toHaveLength(0);
  state.room = true;
  pool.fill();
  expect(starts).toHaveLength(1);
});

test('a release that fails is tried again later and later, and holds up no other', async () => {
  const { pool, starts, ids } = setUp();
  pool.keepWarm([a, b]);
  starts[0]?.fail();
  await settle();
  expect(ids()).toEqual(['rel_a-0', 'rel_b-1']);
  starts[1]?.ok();
  await vi.advanceTimersByTimeAsync(RUNNER_LIMITS.poolRetryMs - 100);
  expect(starts).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(200);
  expect(ids()[2]).toBe('rel_a-2');
  starts[2]?.fail();
  await vi.advanceTimersByTimeAsync(2 * RUNNER_LIMITS.poolRetryMs - 100);
  expect(starts).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(200);
  expect(starts).toHaveLength(4);
});

test('a slot that dies is dropped, never handed out, and backs off', async () => {
  const { pool, starts, discarded } = setUp();
  pool.keepWarm([a]);
  const slot = starts[0]?.ok();
  await settle();
  slot?.die({ cause: 'exited', message: 'died' });
  await settle();
  expect(pool.take(a, { soon: true })).toBeNull();
  expect(discarded).toEqual(['rel_a-0']);
  expect(starts).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(RUNNER_LIMITS.poolRetryMs + 10);
  expect(starts).toHaveLength(2);
});

test('slots of a release that is no longer active are dropped, also when they come late', async () => {
  const { pool, starts, discarded } = setUp();
  pool.keepWarm([a]);
  starts[0]?.ok();
  await settle();
  pool.keepWarm([b]);
  expect(discarded).toEqual(['rel_a-0']);
  pool.keepWarm([a]);
  starts[1]?.ok();
  await settle();
  expect(discarded).toEqual(['rel_a-0', 'rel_b-1']);
  expect(pool.take(b, { soon: true })).toBeNull();
});

test('a slot whose memory is needed goes, also before it is ready, and is no failure', async () => {
  const { pool, starts, discarded, abandoned } = setUp();
  pool.keepWarm([a, b]);
  pool.drop('rel_a-0');
  expect(pool.take(a, { soon: true })).toBeNull();
  await settle();
  expect(abandoned).toEqual(['rel_a-0']);
  pool.fill();
  starts[1]?.ok();
  await settle();
  pool.drop('rel_a-1');
  expect(discarded).toEqual(['rel_a-1']);
});

test('a slot that a session waits for is not dropped', async () => {
  const { pool, starts, abandoned } = setUp();
  pool.keepWarm([a]);
  const taken = pool.take(a, { soon: true });
  pool.drop('rel_a-0');
  expect(abandoned).toEqual([]);
  const slot = starts[0]?.ok();
  expect(await taken).toBe(slot);
});

test('a stop ends what is ready and what is being started', async () => {
  const { pool, starts, discarded, abandoned } = setUp();
  pool.keepWarm([a, b]);
  starts[0]?.ok();
  await settle();
  await pool.stop();
  await pool.settled();
  expect(discarded).toEqual(['rel_a-0']);
  expect(abandoned).toEqual(['rel_b-1']);
  pool.fill();
  expect(starts).toHaveLength(2);
});

test('the org with fewest slots is served first, whatever the order of releases', async () => {
  const { pool, starts, ids } = setUp(2);
  const [mine, yours] = [releaseNamed('rel_mine', 'org_2'), releaseNamed('rel_yours', 'org_3')];
  pool.keepWarm([a, b, mine, yours]);
  for (let i = 0; i < 8; i += 1) {
    starts[i]?.ok();
    await settle();
  }
  const orgs = ids().map((id) => id.replace(/-.*/, ''));
  expect(orgs.slice(0, 6)).toEqual([
    'rel_a',
    'rel_mine',
    'rel_yours',
    'rel_a',
    'rel_mine',
    'rel_yours',
  ]);
  expect(orgs.slice(6)).toEqual(['rel_b', 'rel_b']);
  // Whoever takes its slots over and over keeps nobody else from having theirs.
  pool.take(a, { soon: false });
  pool.take(mine, { soon: false });
  await vi.advanceTimersByTimeAsync(RUNNER_LIMITS.poolRefillDelayMs + 2);
  expect(ids()[8]).toBe('rel_mine-8');
});

test('where memory ends an org that has many slots gives one to an org that has none', async () => {
  const { pool, starts, ids, discarded, state } = setUp(3);
  pool.keepWarm([a]);
  for (let i = 0; i < 3; i += 1) {
    starts[i]?.ok();
    await settle();
  }
  state.room = false;
  const late = releaseNamed('rel_late', 'org_2');
  pool.keepWarm([a, late]);
  expect(discarded).toEqual(['rel_a-2']);
  state.room = true;
  await settle();
  expect(ids()[3]).toBe('rel_late-3');
  starts[3]?.ok();
  state.room = false;
  await settle();
  expect(discarded).toHaveLength(1);
});
