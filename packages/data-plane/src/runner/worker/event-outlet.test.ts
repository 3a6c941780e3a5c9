import { setImmediate as nextRound } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EventOutlet } from './event-outlet.ts';

function setUp() {
  const sent: string[] = [];
  const outlet = new EventOutlet(({ turns, news }) => {
    const texts = turns.flatMap(({ id, events }) =>
      events.map((event) => `${id}:${event.type === 'text' ? event.text : event.type}`),
    );
    sent.push([...news.map(({ resumeId }) => `resume=${resumeId}`), ...texts].join(' '));
  });
  const text = (value: string, id = 1) => outlet.events(id, [{ type: 'text', text: value }]);
  return { sent, outlet, text };
}

test('the first batch leaves at once, the rest of its round together', async () => {
  const { sent, text } = setUp();
  for (const value of ['a', 'b', 'c']) text(value);
  text('d', 2);
  expect(sent).toEqual(['1:a']);
  await nextRound();
  expect(sent).toEqual(['1:a', '1:b 1:c 2:d']);
});

test('after a quiet round the next event again waits for nothing', async () => {
  const { sent, text } = setUp();
  text('a');
  await nextRound();
  await nextRound();
  text('b');
  expect(sent).toEqual(['1:a', '1:b']);
});

test('a flush keeps the order, and news come before the events beside them', () => {
  const { sent, outlet, text } = setUp();
  text('a');
  text('b');
  outlet.news({ machine: 'm', resumeId: 'ses_1' });
  outlet.flush();
  expect(sent).toEqual(['1:a', 'resume=ses_1 1:b']);
});
