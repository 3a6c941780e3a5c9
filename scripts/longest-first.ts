import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The test files that take longest, longest first. Begun last, one of them would keep one worker
 * busy while the others have nothing left to do.
 */
const LONGEST = [
  'test/conformance/opencode.test.ts',
  'packages/sandbox/src/conformance/conformance.test.ts',
  'test/simulation/budgets/budgets.test.ts',
  'packages/sandbox/src/escape/escape.test.ts',
  'test/e2e/readme.test.ts',
  'test/e2e/supervisor.test.ts',
  'test/e2e/commands.test.ts',
  'test/e2e/support-bot.test.ts',
  'test/e2e/platform.test.ts',
  'test/e2e/examples.test.ts',
  'test/planes/usage.test.ts',
  'test/conformance/claude-code.test.ts',
  'test/planes/provider-keys.test.ts',
  'test/planes/release-life.test.ts',
  'test/e2e/bad-input.test.ts',
  'packages/data-plane/src/runner/turns.test.ts',
  'test/planes/budgets.test.ts',
  'test/planes/cli.test.ts',
  'packages/harness/src/claude-code/live.test.ts',
  'test/e2e/apart.test.ts',
  'packages/data-plane/src/runner/hibernation.test.ts',
  'test/planes/clouds.test.ts',
  'packages/data-plane/src/runner/capacity.test.ts',
  'packages/data-plane/src/runner/crash.test.ts',
  'test/planes/hard-times.test.ts',
  'test/planes/plane-keys.test.ts',
  'test/conformance/opencode-trust.test.ts',
  'packages/doors/src/upstreams/provider.test.ts',
  'packages/postgres/src/server.test.ts',
  'packages/doors/src/channels/retries.test.ts',
  'packages/doors/src/process/process.test.ts',
  'packages/control-plane/src/process/permissions.test.ts',
];

/** Projects in their order; those that are not named come first: failures that cost little to see. */
const LAST = ['heavy', 'runner-opencode'];

/** Light files, then heavy ones, in each case those of {@link LONGEST} first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => weightOf(a) - weightOf(b) || rankOf(a) - rankOf(b));
  }
}

function weightOf({ project }: TestSpecification): number {
  return LAST.indexOf(project.name);
}

function rankOf({ project, moduleId }: TestSpecification): number {
  const rank = LONGEST.indexOf(relative(project.vitest.config.root, moduleId));
  return rank === -1 ? LONGEST.length : rank;
}
