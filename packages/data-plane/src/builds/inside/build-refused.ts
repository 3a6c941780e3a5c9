import type { AppProblem } from '@karta/harness';
import { appError } from '../../releases/problem.ts';

/** Why an application cannot be built: something to tell its builder, no fault of the server. */
export class BuildRefused extends Error {
  readonly problems: readonly AppProblem[];

  constructor(problems: readonly AppProblem[]) {
    super('the application cannot be built');
    this.name = 'BuildRefused';
    this.problems = problems;
  }

  static is(error: unknown): error is BuildRefused {
    return error instanceof BuildRefused;
  }
}

export function refusal(file: string, message: string): BuildRefused {
  return new BuildRefused([appError(file, 0, message)]);
}
