import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GatheredBytes } from './gathered-bytes.ts';

it('has all that was pushed, in its order, and begins anew once it was taken', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.uint8Array({ maxLength: 40 }))), (wholes) => {
      const gathered = new GatheredBytes();
      for (const pieces of wholes) {
        for (const piece of pieces) gathered.push(piece);
        const all = pieces.flatMap((piece) => [...piece]);
        expect(gathered.length).toBe(all.length);
        expect([...gathered.take()]).toEqual(all);
      }
    }),
  );
});

it('keeps nothing of a piece but its bytes', () => {
  const gathered = new GatheredBytes();
  const piece = new Uint8Array(1);
  for (let at = 0; at < 1_000_000; at += 1) {
    piece[0] = at % 251;
    gathered.push(piece);
  }
  const whole = gathered.take();
  expect(whole.buffer.byteLength).toBeLessThanOrEqual(2 * whole.length);
  expect(whole.every((byte, at) => byte === at % 251)).toBe(true);
});
