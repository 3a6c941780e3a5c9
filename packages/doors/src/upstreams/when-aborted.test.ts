import { expect, test, vi } from 'vitest';
import { notWhenAborted, whenAborted } from './when-aborted.ts';

const watcher = () => ({ handleEvent: vi.fn() });

test('everybody who still wants to know is told once, whoever else is told', () => {
  const gone = new AbortController();
  const [first, left, ended, last] = [watcher(), watcher(), watcher(), watcher()];
  for (const each of [first, left, ended, last]) whenAborted(gone.signal, each);
  notWhenAborted(gone.signal, left);
  first.handleEvent.mockImplementation(() => notWhenAborted(gone.signal, ended));
  gone.abort();
  gone.abort();
  expect(first.handleEvent).toHaveBeenCalledOnce();
  expect(last.handleEvent).toHaveBeenCalledOnce();
  expect(left.handleEvent).not.toHaveBeenCalled();
  expect(ended.handleEvent).not.toHaveBeenCalled();
});

test('a signal has one listener, however many come and go', () => {
  const gone = new AbortController();
  const listens = vi.spyOn(gone.signal, 'addEventListener');
  for (let call = 0; call < 100; call += 1) {
    const one = watcher();
    whenAborted(gone.signal, one);
    notWhenAborted(gone.signal, one);
  }
  expect(listens).toHaveBeenCalledOnce();
  const later = watcher();
  whenAborted(gone.signal, later);
  gone.abort();
  expect(later.handleEvent).toHaveBeenCalledOnce();
});

test('who never wanted to know of a signal may stop wanting to', () => {
  const gone = new AbortController();
  notWhenAborted(gone.signal, watcher());
  gone.abort();
  expect(gone.signal.aborted).toBe(true);
});
