import { execFile } from 'node:child_process';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CliError } from '../cli-error.ts';

const run = promisify(execFile);
/** The name of the git remote. */
export const REMOTE = 'karta';
const LAUNCHER = fileURLToPath(new URL('../../bin/karta.js', import.meta.url));

/** What became of the remote. */
export type RemoteChange = 'added' | 'changed' | 'kept' | 'no_repository';

export interface RemoteTarget {
  controlUrl: string;
  project: string;
  /** Where git's helper finds who is signed in; `null`: where commands look by themselves. */
  home: string | null;
}

/** Where `git push` publishes a project to. */
export function remoteUrl({ controlUrl, project }: RemoteTarget): string {
  return `${controlUrl}/v1/projects/${project}/git`;
}

/**
 * Makes the remote of a repository, and has git ask `karta git-credential` about that server, alone:
 * helpers that keep passwords on disk are not told. Throws `CliError` for a folder within a
 * repository, and when git is not installed.
 */
export async function setUpRemote(root: string, target: RemoteTarget): Promise<RemoteChange> {
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
  const helper = `credential.${new URL(target.controlUrl).origin}.helper`;
  // An empty one first: git forgets those that it knew.
  await git('config', '--local', '--replace-all', helper, '');
  await git('config', '--local', '--add', helper, helperCommand(target.home));
  const url = remoteUrl(target);
  const known = await git('remote', 'get-url', REMOTE).catch(refused);
  if (known === url) return 'kept';
  await git('remote', known === null ? 'add' : 'set-url', REMOTE, url);
  return known === null ? 'added' : 'changed';
}

/** What git runs by a shell. It holds no secret: the helper reads that where `karta login` kept it. */
function helperCommand(home: string | null): string {
  const words = [process.execPath, LAUNCHER, 'git-credential'];
  if (home !== null) words.push('--home', home);
  return `!${words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')}`;
}

/** Git said no: there is no such thing. A git that is not installed is told. */
function refused(error: NodeJS.ErrnoException): null {
  if (error.code !== 'ENOENT') return null;
  throw new CliError('machine', 'git is not installed', 'Install git, or publish by karta deploy.');
}
