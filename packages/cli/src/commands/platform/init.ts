import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { projectOfFolder } from '../../client/project-name.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Terminal } from '../../output/terminal.ts';

const run = promisify(execFile);
/** The name of the git remote. */
const REMOTE = 'karta';

/**
 * `karta init [folder]`: writes a karta.toml where there is none, and adds the remote that
 * `git push karta main` publishes to.
 */
export async function init(
  folder: string | undefined,
  options: AccountOptions & { project?: string },
  terminal: Terminal,
): Promise<number> {
  const root = resolve(folder ?? '.');
  if (!existsSync(root)) {
    throw new CliError('usage', `${root} does not exist`, 'Name a folder that does.');
  }
  const project = options.project ?? projectOfFolder(root);
  const written = await writeToml(root, project);
  const { controlUrl } = await openAccount(options);
  const url = `${controlUrl}/v1/projects/${project}/git`;
  const remote = await addRemote(root, url);
  if (options.json === true) {
    terminal.json({ project, karta_toml: written ? 'written' : 'kept', remote, remote_url: url });
    return EXIT.ok.code;
  }
  terminal.out(`${written ? 'Wrote' : 'Kept'} karta.toml of the project ${project}\n`);
  if (remote === 'no_repository') {
    terminal.note('This is no git repository; after "git init" run this again, or: karta deploy');
  } else {
    terminal.out(`Publish with: git push ${REMOTE} main\n`);
    terminal.note('git asks for a password: an API key, made by "karta keys create git"');
  }
  return EXIT.ok.code;
}

async function writeToml(root: string, project: string): Promise<boolean> {
  try {
    const text = `# What Karta needs to know of this application: docs/concepts.md\nname = "${project}"\n`;
    await writeFile(join(root, 'karta.toml'), text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function addRemote(
  root: string,
  url: string,
): Promise<'added' | 'changed' | 'kept' | 'no_repository'> {
  const git = async (...args: string[]) => (await run('git', ['-C', root, ...args])).stdout.trim();
  const top = await git('rev-parse', '--show-toplevel').catch(refused);
  if (top === null) return 'no_repository';
  if (resolve(top) !== root) {
    throw new CliError(
      'usage',
      `${root} is a folder within the repository ${basename(top)}`,
      'A push publishes a whole repository; publish a folder of one with: karta deploy',
    );
  }
  const known = await git('remote', 'get-url', REMOTE).catch(refused);
  if (known === url) return 'kept';
  await git('remote', known === null ? 'add' : 'set-url', REMOTE, url);
  return known === null ? 'added' : 'changed';
}

/** Git said no: there is no such thing. A git that is not installed is told. */
function refused(error: NodeJS.ErrnoException): null {
  if (error.code !== 'ENOENT') return null;
  throw new CliError('machine', 'git is not installed', 'Install git, or publish by karta deploy.');
}
