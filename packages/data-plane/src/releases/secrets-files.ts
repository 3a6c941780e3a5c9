import type { AppFolder, AppProblem } from '@karta/harness';
import { appWarning } from './problem.ts';

/** Warns of files that usually hold secrets: whatever is in a release the agent can read. */
export function secretsFiles(app: AppFolder): AppProblem[] {
  return app.paths
    .filter(isSecretsFile)
    .map((path) => appWarning(path, 0, 'is part of the release: the agent can read it'));
}

function isSecretsFile(path: string): boolean {
  return /(^|\/)\.env(\.[^/]*)?$/.test(path) && !/\.(example|sample|template)$/.test(path);
}
