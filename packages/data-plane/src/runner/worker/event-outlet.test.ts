import { setImmediate as nextRound } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EventOutlet } from './event-outlet.ts';

function setUp() {
  const sent: string[] = [];
  const outlet = new EventOutlet(({ events, news }) => {
    const texts = events.map(({ event }) => (event.type === 'text' ? event.text : '?'));
    sent.push([...news.map(({ resumeId }) => `resume=${resumeId}`), ...texts].join(' '));
  });
  const text = (value: string) => outlet.event(1, { type: 'text', text: value });
  return { sent, outlet, text };
}

test('the first event leaves at once, the rest of its round together', async () => {
  const { sent, text } = setUp();
  for (const value of ['a', 'b', 'c']) text(value);
  expect(sent).toEqual(['a']);
  await nextRound();
  expect(sent).toEqual(['a', 'b c']);
});

test('after a quiet round the next event again waits for nothing', async () => {
  const { sent, text } = setUp();
  text('a');
  await nextRound();
  await nextRound();
  text('b');
  expect(sent).toEqual(['a', 'b']);
});

test('a flush keeps the order, and news come before the events beside them', () => {
  const { sent, outlet, text } = setUp();
  text('a');
  text('b');
  outlet.news({ machine: 'm', resumeId: 'ses_1' });
  outlet.flush();
  expect(sent).toEqual(['a', 'resume=ses_1 b']);
});
