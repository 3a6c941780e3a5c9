import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RUNNER_LIMITS } from './limits.ts';
import { LiveSession } from './live-session.ts';
import { releaseNamed, stubBooted } from './testing/stub-machine.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const IDLE_MS = 60_000;

function setUp() {
  const told: string[] = [];
  const live = new LiveSession('sess_1', stubBooted('sbx_1', releaseNamed('rel_1')), IDLE_MS, {
    busy: () => void told.push('busy'),
    idle: (afterMs) => void told.push(`idle ${afterMs}`),
    expired: () => void told.push('expired'),
  });
  live.open = true;
  return { live, told };
}

test('it is busy from the first use to the end of the last, and expires after its idle time', () => {
  const { live, told } = setUp();
  const first = live.use();
  const second = live.use();
  first();
  first();
  vi.advanceTimersByTime(10 * IDLE_MS);
  expect(told).toEqual(['busy']);
  second();
  vi.advanceTimersByTime(IDLE_MS - 1);
  expect(told).toEqual(['busy', 'idle 0']);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(['busy', 'idle 0', 'expired']);
});

test('a use starts the idle time anew', () => {
  const { live, told } = setUp();
  live.use()();
  vi.advanceTimersByTime(IDLE_MS - 1);
  live.use()(5);
  vi.advanceTimersByTime(IDLE_MS - 1);
  expect(told).toEqual(['busy', 'idle 0', 'busy', 'idle 5']);
});

test('a sandbox without its harness is not kept as long', () => {
  const { live, told } = setUp();
  live.open = false;
  live.touch();
  vi.advanceTimersByTime(RUNNER_LIMITS.readerIdleMs);
  expect(told).toEqual([`idle ${RUNNER_LIMITS.attachGraceMs}`, 'expired']);
});

test('once its end has begun nothing is told any more', () => {
  const { live, told } = setUp();
  const done = live.use();
  live.finish();
  done();
  live.touch();
  vi.advanceTimersByTime(IDLE_MS);
  expect(told).toEqual(['busy']);
});
