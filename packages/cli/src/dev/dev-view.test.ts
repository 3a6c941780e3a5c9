import { expect, test } from 'vitest';
import { done, eventsOf, text } from '../../../sdk/test/turn-events.ts';
import { captured } from '../../test/captured-terminal.ts';
import { DevView } from './dev-view.ts';

test('text of sessions that talk at once is gathered into lines of its own session', () => {
  const { terminal, written } = captured();
  const view = new DevView(terminal, false);
  const a = eventsOf('turn_a', [text('Hel'), text('lo.\nMore'), done()]);
  const b = eventsOf('turn_b', [text('Good '), text('day'), done()]).map((event) => ({
    ...event,
    session_id: 'sess_2',
  }));
  a.forEach((event, index) => {
    view.event(event);
    const other = b[index];
    if (other !== undefined) view.event(other);
  });
  expect(written.out.split('\n')).toEqual([
    'sess_1 Hello.',
    'sess_1 More',
    'sess_1 0 tokens in, 0 out',
    'sess_2 Good day',
    'sess_2 0 tokens in, 0 out',
    '',
  ]);
});

test('problems are listed; what ran before goes on', () => {
  const { terminal, written } = captured();
  new DevView(terminal, false).refused('/app', ['opencode.json:3: not JSON']);
  expect(written.out).toContain('/app was not published; what ran before goes on');
  expect(written.out).toContain('  opencode.json:3: not JSON');
});

test('a problem that quotes an application does not steer the terminal', () => {
  const { terminal, written } = captured();
  new DevView(terminal, false).refused('/app', ['karta.toml:1: "\x1b]0;x\x07\u202e" is no name']);
  expect(written.out).toContain('  karta.toml:1: "]0;x" is no name\n');
});

test('as JSON every line is one value', () => {
  const { terminal, written } = captured();
  const view = new DevView(terminal, true);
  view.published('app', 'v2');
  view.refused('/app', ['x']);
  for (const event of eventsOf('turn_a', [text('a'), done()])) view.event(event);
  const lines = written.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.slice(0, 2)).toEqual([
    { published: { ref: 'app', version: 'v2' } },
    { refused: { folder: '/app', problems: ['x'] } },
  ]);
  expect(lines).toHaveLength(4);
});
