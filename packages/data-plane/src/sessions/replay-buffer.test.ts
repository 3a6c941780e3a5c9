import { type KartaEvent, LIMITS } from '@karta/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventAt } from './frame.ts';
import { ReplayBuffer } from './replay-buffer.ts';

function event(seq: number): KartaEvent {
  const place = { seq, sessionId: 'sess_1', turnId: null, timestamp: 0 };
  return eventAt(place, { type: 'text', data: { part: { type: 'text', text: 'x' } } });
}

test('the newest events are kept, without gaps, within both bounds', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: LIMITS.replayBytes >> 2 }), { maxLength: 60 });
  fc.assert(
    fc.property(fc.nat({ max: 1_000_000 }), sizes, (start, bytes) => {
      const buffer = new ReplayBuffer(start + 1);
      for (const [index, size] of bytes.entries())
        buffer.push(event(start + 1 + index), null, size);
      const last = start + bytes.length;
      expect(buffer.lastSeq).toBe(last);
      expect(buffer.at(buffer.firstSeq - 1)).toBeUndefined();
      expect(buffer.at(last + 1)).toBeUndefined();
      let kept = 0;
      for (let seq = buffer.firstSeq; seq <= last; seq += 1) {
        expect(buffer.at(seq)?.event.seq).toBe(seq);
        kept += bytes[seq - start - 1] ?? 0;
      }
      expect(kept).toBeLessThanOrEqual(LIMITS.replayBytes);
      // Nothing is dropped that still fits.
      const dropped = bytes[buffer.firstSeq - start - 2];
      if (dropped !== undefined) expect(kept + dropped).toBeGreaterThan(LIMITS.replayBytes);
    }),
  );
});

test('no more than so many events are kept', () => {
  const buffer = new ReplayBuffer(1);
  const count = LIMITS.replayEvents * 2 + 7;
  for (let seq = 1; seq <= count; seq += 1) buffer.push(event(seq), null, 1);
  expect(buffer.firstSeq).toBe(count - LIMITS.replayEvents + 1);
  expect(buffer.at(buffer.firstSeq)?.event.seq).toBe(buffer.firstSeq);
});

test('one event that is larger than all that is kept is kept', () => {
  const buffer = new ReplayBuffer(1);
  buffer.push(event(1), null, 10);
  buffer.push(event(2), null, LIMITS.replayBytes * 2);
  expect([buffer.firstSeq, buffer.at(2)?.event.seq]).toEqual([2, 2]);
});
