import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EventOutlet, FLOOD_PACE_MS } from './event-outlet.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  const sent: string[] = [];
  const outlet = new EventOutlet((events) => {
    sent.push(events.map((event) => (event.type === 'text' ? event.text : event.type)).join(' '));
  });
  const tell = (...texts: string[]) =>
    outlet.push(texts.map((text) => ({ type: 'text' as const, text })));
  return { sent, outlet, tell };
}

test('the first batch leaves at once, a flood once in a while', () => {
  const { sent, tell } = setUp();
  tell('a', 'b');
  tell('c');
  tell('d');
  expect(sent).toEqual(['a b']);
  vi.advanceTimersByTime(FLOOD_PACE_MS);
  expect(sent).toEqual(['a b', 'c d']);
  tell('e');
  expect(sent).toHaveLength(2);
  vi.advanceTimersByTime(FLOOD_PACE_MS);
  expect(sent).toEqual(['a b', 'c d', 'e']);
});

test('after a quiet moment the next event waits for nothing, and nothing runs on', () => {
  const { sent, tell } = setUp();
  tell('a');
  vi.advanceTimersByTime(FLOOD_PACE_MS);
  expect(vi.getTimerCount()).toBe(0);
  tell('b');
  expect(sent).toEqual(['a', 'b']);
});

test('a flush keeps the order and sends nothing twice', () => {
  const { sent, outlet, tell } = setUp();
  tell('a');
  tell('b');
  outlet.flush();
  outlet.flush();
  vi.advanceTimersByTime(FLOOD_PACE_MS * 3);
  expect(sent).toEqual(['a', 'b']);
});
