import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CHANNEL_BODY_BYTES, PROCESS_BODY_BYTES, REQUEST_BODY_BYTES } from '../limits.ts';
import { ProcessBodies } from './process-bodies.ts';

const MB = 1024 * 1024;

/** Bytes that an org comes to hold, a megabyte after the other. */
function fill(all: ProcessBodies, org: string): number {
  const bodies = all.of(org);
  let held = 0;
  while (bodies.hold(MB)) held += MB;
  bodies.release(MB);
  return held;
}

it('leaves room for the next org, however much one sends', () => {
  const all = new ProcessBodies();
  const loud = fill(all, 'loud');
  expect(loud).toBeGreaterThan(4 * CHANNEL_BODY_BYTES);
  expect(loud).toBeLessThan(PROCESS_BODY_BYTES);
  expect(fill(all, 'calm')).toBeGreaterThan(REQUEST_BODY_BYTES);
  expect(fill(all, 'third')).toBeGreaterThan(0);
  all.of('loud').release(loud);
  expect(fill(all, 'fourth')).toBeGreaterThan(REQUEST_BODY_BYTES);
});

it('never holds more than the process may, and knows nothing more once all is given back', () => {
  const step = fc.record({ org: fc.nat(5), bytes: fc.nat(80 * MB), back: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const all = new ProcessBodies();
      const held: { org: string; bytes: number }[] = [];
      for (const { org, bytes, back } of steps) {
        const name = `org_${org}`;
        const last = back ? held.pop() : undefined;
        if (last !== undefined) all.of(last.org).release(last.bytes);
        else if (all.of(name).hold(bytes)) held.push({ org: name, bytes });
        else all.of(name).release(bytes);
        expect(all.bytes).toBe(held.reduce((sum, one) => sum + one.bytes, 0));
        expect(all.bytes).toBeLessThanOrEqual(PROCESS_BODY_BYTES);
      }
    }),
  );
});
