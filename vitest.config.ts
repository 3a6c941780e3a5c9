import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './scripts/longest-first.ts';

/**
 * Two tiers and two weights, described in CONTRIBUTING.md. `KARTA_TIER=full` adds the files named
 * `*.full.test.ts`. Heavy files start real harnesses, sandboxes, planes or whole servers; they come
 * after the light ones, the longest first (scripts/longest-first.ts).
 */
const HEAVY = [
  'test/**/*.test.ts',
  'packages/data-plane/src/{builds,process,runner}/*.test.ts',
  'packages/harness/src/claude-code/*.test.ts',
  'packages/sandbox/src/{bubblewrap,conformance,escape,process}/*.test.ts',
];

/**
 * Light files that need a process of their own: they measure its memory or change its environment,
 * or test what a module keeps for a whole process. The others share a few, since to load the
 * modules anew for each file cost more than all their tests.
 */
const APART = [
  'packages/cli/src/supervisor/child.test.ts',
  'packages/data-plane/src/sql/named-statements.test.ts',
  'packages/doors/src/wire/json-shape.test.ts',
  'packages/harness/src/guard/{json-lines,unhurried}.test.ts',
  'packages/postgres/src/testing/shared-server.test.ts',
  'scripts/setup-test.test.ts',
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

/**
 * Files at once, of all projects, so that no core is idle between the light ones and the heavy ones.
 * A heavy one waits for its processes a third of the time; beyond four, timeouts would mean nothing.
 */
const maxWorkers = Math.min(4, availableParallelism() + 1);

/** What a test waits for comes in milliseconds, on a machine that has time: a default for all. */
const expect = { poll: { timeout: 20_000 } };

/** Node loads the sources itself, as in production, rather than by way of Vite: a tenth less work. */
const experimental = { viteModuleRunner: false, nodeLoader: false };

/** For a machine's hiccup only: `npm test` names at its end whatever needed it. */
const retry = 1;

const light = {
  experimental,
  expect,
  retry,
  testTimeout: 60_000,
  hookTimeout: 60_000,
  maxWorkers,
};

const heavy = {
  name: 'heavy',
  experimental,
  include: HEAVY,
  exclude: never,
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect,
  retry,
  maxWorkers,
};

const onOpenCode = {
  ...heavy,
  name: 'runner-opencode',
  include: [RUNNER],
  env: { KARTA_RUNNER_HARNESS: 'opencode' },
};

export default defineConfig({
  test: {
    globalSetup: ['scripts/test-run.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...light,
          name: 'light',
          include: ALL,
          exclude: [...never, ...HEAVY, ...APART],
          isolate: false,
        },
      },
      { test: { ...light, name: 'apart', include: APART, exclude: never } },
      { test: heavy },
      ...(full ? [{ test: onOpenCode }] : []),
    ],
  },
});
