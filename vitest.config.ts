import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * Two tiers and two weights, described in CONTRIBUTING.md. `KARTA_TIER=full` adds the files named
 * `*.full.test.ts`. Heavy files start real harnesses, sandboxes, databases or whole servers: they
 * run after all the light ones and at most two at a time, as each keeps about one core busy.
 */
const HEAVY = [
  'test/**/*.test.ts',
  'packages/data-plane/src/{builds,process,runner}/*.test.ts',
  'packages/harness/src/claude-code/*.test.ts',
  'packages/sandbox/src/{bubblewrap,conformance,escape,process}/*.test.ts',
];

const ALL = [
  'packages/**/*.test.ts',
  'test/**/*.test.ts',
  'scripts/**/*.test.ts',
  'bench/**/*.test.ts',
];

/** Of the runner, which the daily tier drives with the harness that starts soonest. */
const RUNNER = 'packages/data-plane/src/runner/*.test.ts';

const full = process.env.KARTA_TIER === 'full';
const never = ['**/node_modules/**', ...(full ? [] : ['**/*.full.test.ts'])];

const heavy = {
  name: 'heavy',
  include: HEAVY,
  exclude: never,
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // For a machine's hiccup only: `npm test` names at its end whatever needed it.
  retry: 1,
  maxWorkers: Math.max(1, Math.min(2, availableParallelism())),
  sequence: { groupOrder: 1 },
};

const onOpenCode = {
  ...heavy,
  name: 'runner-opencode',
  include: [RUNNER],
  env: { KARTA_RUNNER_HARNESS: 'opencode' },
  sequence: { groupOrder: 2 },
};

export default defineConfig({
  test: {
    globalSetup: ['scripts/test-run.ts'],
    projects: [
      {
        test: {
          name: 'light',
          include: ALL,
          exclude: [...never, ...HEAVY],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: Math.max(1, Math.min(4, availableParallelism())),
          sequence: { groupOrder: 0 },
        },
      },
      { test: heavy },
      ...(full ? [{ test: onOpenCode }] : []),
    ],
  },
});
