import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { refOfFolder } from '@karta/data-plane/releases';
import { CliError } from '../cli-error.ts';

/** Files that make a folder an application. */
const MARKS = ['karta.toml', 'AGENTS.md', 'CLAUDE.md', '.claude', '.opencode'];

/**
 * The project that a command is about: the one named, else that of the application in the current
 * folder. Throws `CliError` when there is neither.
 */
export function projectName(named: string | undefined, folder: string = process.cwd()): string {
  if (named !== undefined) return named;
  if (MARKS.some((mark) => existsSync(join(folder, mark)))) return projectOfFolder(folder);
  throw new CliError(
    'usage',
    'Which project is not known: this folder is no application',
    'Name it: --project <ref>, or run the command in its folder. See "karta projects".',
  );
}

/** The project that a folder is published as. Throws `CliError` when its name gives no ref. */
export function projectOfFolder(folder: string): string {
  const ref = refOfFolder(folder);
  if (ref !== null) return ref;
  throw new CliError(
    'application',
    `No project ref can be made of the name of ${folder}`,
    'Name it in karta.toml: name = "…", or with --project <ref>',
  );
}
