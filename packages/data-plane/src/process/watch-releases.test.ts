import { expect, test } from 'vitest';
import type { Release } from '../control/port.ts';
import { watchReleases } from './watch-releases.ts';

function release(id: string): Release {
  const config = { memoryMb: null, cpus: null, diskMb: null, maxTurnMs: null };
  return {
    id,
    orgId: 'org',
    projectId: 'proj',
    version: 'v1',
    digest: 'd',
    harness: { id: 'opencode', version: '1' },
    createdAt: new Date(0),
    config: {
      ...config,
      env: {},
      modelDefault: null,
      modelFallback: [],
      networkAllow: [],
      providerTools: false,
    },
  };
}

test('tells of other active releases, once, and of a failure only in the log', async () => {
  let active = [release('r1')];
  let broken = false;
  let looks = 0;
  const told: string[][] = [];
  const warned: unknown[] = [];
  const control = {
    activeReleases: async () => {
      looks += 1;
      if (broken) throw new Error('no file');
      return active;
    },
  };
  const log = { warn: (...line: unknown[]) => void warned.push(line) };
  const stop = watchReleases(control, (now) => told.push(now.map(({ id }) => id)), log, 1);
  await expect.poll(() => looks).toBeGreaterThan(2);
  expect(told).toEqual([]);
  active = [release('r1'), release('r2')];
  await expect.poll(() => told).toEqual([['r1', 'r2']]);
  broken = true;
  await expect.poll(() => warned.length).toBeGreaterThan(0);
  broken = false;
  active = [release('r3')];
  await expect.poll(() => told).toEqual([['r1', 'r2'], ['r3']]);
  stop();
  const then = looks;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(looks).toBeLessThanOrEqual(then + 1);
});
