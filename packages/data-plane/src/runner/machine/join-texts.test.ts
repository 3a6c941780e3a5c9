import type { HarnessEvent } from '@karta/harness';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JOINED_CHARS, joinTexts } from './join-texts.ts';

const text = (value: string): HarnessEvent => ({ type: 'text', text: value, raw: { own: value } });
const aside: HarnessEvent = { type: 'system', kind: 'note', raw: {} };

/** What a fold makes of texts: runs of one type, and what stands between them. */
function runs(events: readonly HarnessEvent[]): string[] {
  const folded: string[] = [];
  let last = '';
  for (const event of events) {
    if (event.type === 'text' || event.type === 'reasoning') {
      if (last === event.type) folded.push(`${folded.pop() ?? ''}${event.text}`);
      else folded.push(`${event.type}:${event.text}`);
    } else folded.push(event.type);
    last = event.type;
  }
  return folded;
}

test('texts that follow each other are one, what stands between them parts them', () => {
  const reasoning: HarnessEvent = { type: 'reasoning', text: 'hm' };
  const events = [text('a'), text('b'), aside, text('c'), reasoning, reasoning, text('d')];
  expect(joinTexts(events)).toEqual([
    { type: 'text', text: 'ab' },
    { type: 'system', kind: 'note' },
    { type: 'text', text: 'c' },
    { type: 'reasoning', text: 'hmhm' },
    { type: 'text', text: 'd' },
  ]);
  expect(events[0]).toEqual(text('a'));
});

test('a joined text has a bound, which no single one is cut to', () => {
  const long = 'x'.repeat(JOINED_CHARS);
  expect(joinTexts([text(long), text('y'), text(long + long)])).toHaveLength(3);
});

test('no letter is lost, added or moved', () => {
  const event = fc.oneof(
    fc.string({ maxLength: 20 }).map((value) => text(value)),
    fc.string().map((value): HarnessEvent => ({ type: 'reasoning', text: value })),
    fc.constant(aside),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 400 }), (events) => {
      expect(runs(joinTexts(events))).toEqual(runs(events));
    }),
  );
});
