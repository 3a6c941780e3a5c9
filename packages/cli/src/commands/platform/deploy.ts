import { resolve } from 'node:path';
import type { BuildView } from '@karta/sdk';
import { CliError } from '../../cli-error.ts';
import { type Account, type AccountOptions, openAccount } from '../../client/account.ts';
import { projectOfFolder } from '../../client/project-name.ts';
import { deployFolder } from '../../deploy/deploy-folder.ts';
import { problemLine } from '../../deploy/problem-line.ts';
import { EXIT } from '../../exit-codes.ts';
import { setUpRemote } from '../../git/git-remote.ts';
import { pushHead } from '../../git/push.ts';
import { plainText } from '../../output/plain-text.ts';
import { openProgress, sizeText } from '../../output/progress.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface DeployCommand extends AccountOptions {
  project?: string;
  /** A URL of its own for seven days; what runs stays. */
  preview?: boolean;
  /** `--no-activate`: the release is made, and what runs stays. */
  activate?: boolean;
  /** By `git push` of what is checked out, rather than by packing the folder as it is. */
  git?: boolean;
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
  const { karta, controlUrl } = await openAccount(options);
  const path = resolve(folder ?? '.');
  const project = options.project ?? projectOfFolder(path);
  if (options.git === true) return deployByGit(path, project, controlUrl, options, terminal);
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

/** `karta deploy --git`: sets the remote up, then pushes what is committed. */
async function deployByGit(
  path: string,
  project: string,
  controlUrl: string,
  options: DeployCommand,
  terminal: Terminal,
): Promise<number> {
  if (options.preview === true || options.activate === false) {
    throw new CliError(
      'usage',
      'A push makes a release and activates it',
      'Leave --git away for a preview or an inactive release.',
    );
  }
  const remote = await setUpRemote(path, { controlUrl, project, home: options.home ?? null });
  if (remote === 'no_repository') {
    throw new CliError('usage', `${path} is no git repository`, 'Leave --git away, or: git init');
  }
  const json = options.json === true;
  await pushHead(path, (line) =>
    json ? terminal.json({ log: line }) : terminal.note(plainText(line)),
  );
  const { url } = await projectOf(await openAccount(options), project);
  if (json) terminal.json({ pushed: true, project, url });
  else terminal.out(`${url}\n`);
  return EXIT.ok.code;
}

async function projectOf({ karta }: Account, ref: string): Promise<{ url: string }> {
  for await (const project of karta.projects.list()) if (project.ref === ref) return project;
  throw new Error(`the project ${ref} is not there after its push`);
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
