import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestCase } from 'vitest/node';

/** The variable that names the file to which the list goes. */
export const TRIED_AGAIN_FILE = 'KARTA_TRIED_AGAIN_FILE';

/**
 * A reporter of Vitest that lists, by file and name, the tests that passed only when they were
 * tried again: Vitest's own JSON report counts them as passed and says no more. Writes a JSON array
 * of strings when the run ends.
 */
export default class TriedAgain implements Reporter {
  readonly #names: string[] = [];

  onTestCaseResult(testCase: TestCase): void {
    if (testCase.diagnostic()?.flaky !== true) return;
    const { root } = testCase.project.vitest.config;
    this.#names.push(`${relative(root, testCase.module.moduleId)} > ${testCase.fullName}`);
  }

  onTestRunEnd(): void {
    const file = process.env[TRIED_AGAIN_FILE];
    if (file === undefined) throw new Error(`${TRIED_AGAIN_FILE} names no file.`);
    writeFileSync(file, JSON.stringify(this.#names));
  }
}
