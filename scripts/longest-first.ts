import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The test files that take longest, longest first. Begun last, one of them would keep one worker
 * busy while the others have nothing left to do.
 */
const LONGEST = [
  'test/conformance/opencode.test.ts',
  'test/e2e/commands.test.ts',
  'test/e2e/supervisor.test.ts',
  'test/e2e/support-bot.test.ts',
  'test/e2e/platform.test.ts',
  'test/e2e/bad-input.test.ts',
  'test/conformance/claude-code.test.ts',
  'test/conformance/opencode-trust.test.ts',
  'test/planes/release-life.test.ts',
  'test/e2e/apart.test.ts',
  'packages/postgres/src/server.test.ts',
  'packages/doors/src/process/process.test.ts',
];

/** Vitest's own order, but with {@link LONGEST} first within each group of projects. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b));
  }
}

function groupOf({ project }: TestSpecification): number {
  return project.config.sequence.groupOrder;
}

function rankOf({ project, moduleId }: TestSpecification): number {
  const rank = LONGEST.indexOf(relative(project.vitest.config.root, moduleId));
  return rank === -1 ? LONGEST.length : rank;
}
