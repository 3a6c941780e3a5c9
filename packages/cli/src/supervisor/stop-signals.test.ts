import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stopSignals } from './stop-signals.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function settled(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), Promise.resolve(false)]);
}

test('a second signal counts, an echo of the first does not', async () => {
  const source = new EventEmitter();
  using signals = stopSignals(source);
  source.emit('SIGINT', 'SIGINT');
  expect(await signals.first).toBe('SIGINT');
  vi.advanceTimersByTime(20);
  source.emit('SIGINT', 'SIGINT');
  expect(await settled(signals.second)).toBe(false);
  vi.advanceTimersByTime(600);
  source.emit('SIGTERM', 'SIGTERM');
  expect(await signals.second).toBe('SIGTERM');
});

test('it leaves no listener behind', () => {
  const source = new EventEmitter();
  stopSignals(source)[Symbol.dispose]();
  expect(source.eventNames()).toEqual([]);
});
