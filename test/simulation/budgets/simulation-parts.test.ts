import { expect, test } from 'vitest';
import { SimulatedTime } from './time.ts';
import { Truth } from './truth.ts';

test('work of one instant is over in the order in which it began, whoever answers first', async () => {
  const time = new SimulatedTime(0);
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const seen: string[] = [];
  const note = async (name: string, work: Promise<void>) => {
    await time.real(() => work);
    seen.push(name);
    // Whoever was first also goes on first, as far as it gets without more of real time.
    for (let step = 0; step < 20; step += 1) await Promise.resolve();
    seen.push(`${name} goes on`);
  };
  const both = [note('first', first.promise), note('second', second.promise)];
  second.resolve();
  await new Promise(setImmediate);
  expect(seen).toEqual([]);
  first.resolve();
  await Promise.all(both);
  expect(seen).toEqual(['first', 'first goes on', 'second', 'second goes on']);
});

test('work that fails lets the next one go on', async () => {
  const time = new SimulatedTime(0);
  const failing = time.real(() => Promise.reject(new Error('no')));
  const next = time.real(async () => 'next');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('next');
});

test('work that waits for what takes time here holds up nobody meanwhile', async () => {
  const time = new SimulatedTime(0);
  const answer = time.real((turn) => time.within(turn, () => time.pause(5)).then(() => time.now));
  time.after(3, () => void time.real(async () => {}));
  await time.run(10);
  expect(await answer).toBe(5);
});

test('a call keeps others from what it takes while it is being written down', () => {
  const truth = new Truth();
  const charges = [
    { lease_id: 'lse_1', budget_id: 'bud_1', window_start: '1970-01-01T00:00:00Z', amount: '7' },
  ];
  expect(truth.takenOf('lse_1')).toBe(0n);
  truth.beginning.add(charges);
  expect(truth.takenOf('lse_1')).toBe(7n);
  truth.beginning.delete(charges);
  expect(truth.takenOf('lse_1')).toBe(0n);
});
