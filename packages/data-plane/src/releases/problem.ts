import type { AppProblem } from '@karta/harness';

/** An `error`: it refuses the publish. `line` from 1; 0 when the whole file is meant. */
export function appError(file: string, line: number, message: string): AppProblem {
  return { severity: 'error', file, line, message };
}

/** A `warning`: the publish goes on and says so. */
export function appWarning(file: string, line: number, message: string): AppProblem {
  return { severity: 'warning', file, line, message };
}

export function hasErrors(problems: readonly AppProblem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** `file:line: message`, the form that editors and terminals make clickable. */
export function problemText(problem: AppProblem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}` : problem.file;
  return place === '' ? problem.message : `${place}: ${problem.message}`;
}
