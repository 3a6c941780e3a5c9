import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

/** The variable that names the file to which they go. */
export const VERDICTS_FILE = 'KARTA_VERDICTS_FILE';

/** Of an error's text, in characters: the end of a log is what is kept of it the longest. */
const ERROR_LENGTH = 300;

/** What is worth naming once more at the end of a run: each a line, with its file and its errors. */
export interface Verdicts {
  /** Passed only when tried again, which Vitest's own JSON report counts as passed. */
  triedAgain: string[];
  /** Tests, what surrounds them, and whole files. */
  failed: string[];
  /** What nothing caught, in whichever test's time it came. */
  uncaught: string[];
}

type ErrorText = { message: string; stack?: string };

/** A reporter of Vitest that writes {@link Verdicts} as JSON when the run ends. */
export default class VerdictsReporter implements Reporter {
  readonly #verdicts: Verdicts = { triedAgain: [], failed: [], uncaught: [] };

  onTestCaseResult(testCase: TestCase): void {
    const { state, errors } = testCase.result();
    const line = `${fileOf(testCase.module)} > ${testCase.fullName}: ${told(errors ?? [])}`;
    if (testCase.diagnostic()?.flaky === true) this.#verdicts.triedAgain.push(line);
    if (state === 'failed') this.#verdicts.failed.push(line);
  }

  onTestSuiteResult(suite: TestSuite): void {
    if (suite.errors().length === 0) return;
    const name = `${fileOf(suite.module)} > ${suite.fullName}`;
    this.#verdicts.failed.push(`${name}: ${told(suite.errors())}`);
  }

  onTestModuleEnd(module: TestModule): void {
    if (module.errors().length === 0) return;
    this.#verdicts.failed.push(`${fileOf(module)}: ${told(module.errors())}`);
  }

  onTestRunEnd(_modules: readonly TestModule[], uncaught: readonly ErrorText[]): void {
    const file = process.env[VERDICTS_FILE];
    if (file === undefined) throw new Error(`${VERDICTS_FILE} names no file.`);
    this.#verdicts.uncaught = uncaught.map((error) => told([error]));
    writeFileSync(file, JSON.stringify(this.#verdicts));
  }
}

function fileOf(module: TestModule): string {
  return relative(module.project.vitest.config.root, module.moduleId);
}

/** The errors' texts and where the last of them was thrown, on one line. */
function told(errors: readonly ErrorText[]): string {
  const texts = errors.map(({ message }) => message.slice(0, ERROR_LENGTH)).join('; ');
  const place = /^\s+at .*/m.exec(errors.at(-1)?.stack ?? '')?.[0] ?? '';
  return `${texts}${place}`.replace(/\s+/g, ' ').trim();
}
