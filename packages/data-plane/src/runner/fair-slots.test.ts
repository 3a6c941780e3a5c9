import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairSlots } from './fair-slots.ts';

const HOLD_MS = 60_000;

/** Work that the test ends, in the order in which it began. */
function setUp(slots: number, reserved = 0) {
  const fair = new FairSlots(slots, reserved, HOLD_MS);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const ask = (org: string, name: string) =>
    fair.run(org, () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string) => {
    ends.get(name)?.();
    await new Promise(setImmediate);
  };
  return { fair, begun, ask, end };
}

test("the many of one org do not delay another's, and each keeps its order", async () => {
  const { begun, ask, end } = setUp(2);
  for (let index = 0; index < 6; index += 1) void ask('loud', `loud-${index}`);
  void ask('calm', 'calm-0');
  void ask('calm', 'calm-1');
  await new Promise(setImmediate);
  expect(begun).toEqual(['loud-0', 'loud-1']);
  await end('loud-0');
  expect(begun.at(-1)).toBe('calm-0');
  await end('loud-1');
  expect(begun.at(-1)).toBe('loud-2');
  await end('calm-0');
  expect(begun.at(-1)).toBe('calm-1');
  await end('calm-1');
  expect(begun.at(-1)).toBe('loud-3');
});

test('an org that has nothing under way need not wait until another has done', async () => {
  const { begun, ask, end } = setUp(2, 1);
  for (let index = 0; index < 4; index += 1) void ask('loud', `loud-${index}`);
  void ask('calm', 'calm-0');
  void ask('calm', 'calm-1');
  void ask('third', 'third-0');
  await new Promise(setImmediate);
  expect(begun).toEqual(['loud-0', 'loud-1', 'calm-0']);
  await end('loud-0');
  expect(begun.at(-1)).toBe('third-0');
  await end('calm-0');
  expect(begun.at(-1)).toBe('calm-1');
  await end('third-0');
  // Two of three slots are taken, and the third is for an org that has none.
  expect(begun).toHaveLength(5);
  await end('calm-1');
  expect(begun.at(-1)).toBe('loud-2');
});

test('work that fails frees its place, and is told to who asked', async () => {
  const { fair } = setUp(1);
  const failing = fair.run('a', () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await fair.run('a', async () => 'done')).toBe('done');
});

test('work that is never done does not keep the others waiting', async () => {
  const fair = new FairSlots(1, 0, 1);
  void fair.run('stuck', () => new Promise(() => {}));
  void fair.run('stuck', () => new Promise(() => {}));
  const held = setInterval(() => {}, 1_000);
  expect(await fair.run('calm', async () => 'done')).toBe('done');
  clearInterval(held);
});

test('no more than the slots is under way, what begins is of an org with least, and all is done', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.nat(2),
      fc.array(fc.record({ org: fc.nat(3), steps: fc.nat(5) }), { maxLength: 40 }),
      async (slots, reserved, works) => {
        const fair = new FairSlots(slots, reserved, HOLD_MS);
        const running = new Map<number, number>();
        const waiting = new Map<number, number>();
        const count = (map: Map<number, number>, org: number, change: number) =>
          map.set(org, (map.get(org) ?? 0) + change);
        const ask = async ({ org, steps }: { org: number; steps: number }) => {
          count(waiting, org, 1);
          await fair.run(`${org}`, async () => {
            count(waiting, org, -1);
            for (const [other, left] of waiting) {
              if (left === 0) continue;
              expect(running.get(org) ?? 0).toBeLessThanOrEqual(running.get(other) ?? 0);
            }
            count(running, org, 1);
            const all = [...running.values()].reduce((sum, one) => sum + one, 0);
            expect(all).toBeLessThanOrEqual(slots + reserved);
            // Beyond the slots only with the one and first of its org.
            if (all > slots) expect(running.get(org)).toBe(1);
            for (let step = 0; step < steps; step += 1) await new Promise(setImmediate);
            count(running, org, -1);
          });
        };
        const done: Promise<void>[] = [];
        for (const work of works) {
          done.push(ask(work));
          // What can begin at once has begun before the next one comes.
          await new Promise(setImmediate);
        }
        await Promise.all(done);
        expect(fair.waiting).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});
