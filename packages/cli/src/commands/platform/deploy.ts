import { resolve } from 'node:path';
import type { BuildView } from '@karta/sdk';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { projectOfFolder } from '../../client/project-name.ts';
import { deployFolder } from '../../deploy/deploy-folder.ts';
import { problemLine } from '../../deploy/problem-line.ts';
import { EXIT } from '../../exit-codes.ts';
import { plainText } from '../../output/plain-text.ts';
import { openProgress, sizeText } from '../../output/progress.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface DeployCommand extends AccountOptions {
  project?: string;
  /** A URL of its own for seven days; what runs stays. */
  preview?: boolean;
  /** `--no-activate`: the release is made, and what runs stays. */
  activate?: boolean;
}

/**
 * `karta deploy [folder]`: packs, uploads, shows the build's log and says where it runs. Throws
 * `CliError` (`application`) with file and line when the application has errors.
 */
export async function deploy(
  folder: string | undefined,
  options: DeployCommand,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const path = resolve(folder ?? '.');
  const project = options.project ?? projectOfFolder(path);
  const json = options.json === true;
  const began = performance.now();
  using progress = openProgress(terminal);
  const build = await deployFolder(karta.releases, path, project, {
    activate: options.activate !== false,
    preview: options.preview === true,
    packed: ({ files, bytes }) => {
      if (!json) terminal.note(`${project}: ${files} files, ${sizeText(bytes)}`);
      progress.show('uploading…');
    },
    onLog: (line) => {
      progress[Symbol.dispose]();
      if (json) terminal.json({ log: line });
      else terminal.note(terminal.style('dim', plainText(line)));
    },
  });
  if (build.status === 'failed') throw buildFailure(build, path);
  if (json) terminal.json({ build });
  else tell(build, performance.now() - began, terminal);
  return EXIT.ok.code;
}

function tell(build: BuildView, ms: number, terminal: Terminal): void {
  for (const warning of build.problems) {
    terminal.note(`${terminal.style('yellow', 'warning')} ${plainText(problemLine(warning))}`);
  }
  const version = build.release?.version ?? '';
  const state =
    build.preview !== null
      ? `as a preview until ${build.preview.expires_at.slice(0, 10)}`
      : build.activate
        ? 'and active'
        : 'and not activated';
  const known = build.release?.created === false ? ', the same content as before' : '';
  const seconds = (ms / 1000).toFixed(1);
  terminal.note(
    `${terminal.style('green', `${build.project_ref} ${version}`)} is built ${state}${known} (${seconds} s)`,
  );
  terminal.out(`${build.preview?.url ?? build.url}\n`);
}

/** Why a build failed, with file and line. */
export function buildFailure(build: BuildView, what: string): CliError {
  return new CliError(
    'application',
    `${what} could not be published as ${build.project_ref}`,
    'Correct what is listed and deploy again. What runs has not changed.',
    { details: build.problems.map(problemLine) },
  );
}
