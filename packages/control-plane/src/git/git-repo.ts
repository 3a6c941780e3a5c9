import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { chown, lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
// Not the whole protocol: a process of one push would load little else.
import { KartaError } from '@karta/protocol/errors';
import { LIMITS } from '@karta/protocol/limits';
import { GIT_UID } from './git-user.ts';

/** How names of folders begin that hold a repository. */
const NAME = 'karta-git-';
/** No push lasts as long: older folders are of one that was killed. In milliseconds. */
const LEFTOVER_MS = 6 * 60 * 60 * 1000;
const PATH = '/usr/local/bin:/usr/bin:/bin';
/** Address space, processor seconds and file size of one git process. */
const PROCESS_LIMITS = ['--as=2147483648', '--cpu=120', `--fsize=${2 * LIMITS.archiveBytes}`];

/** Settings that hold whatever the user of git has of its own. */
const SETTINGS: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'http.receivepack': 'true',
  'http.uploadpack': 'false',
  // What arrives stays packed: small files by the million would fill the disk's table of files.
  'receive.unpackLimit': '1',
  'receive.autogc': 'false',
  // A shallow clone, as machines that build and deploy make it: what is published is one tree.
  'receive.shallowUpdate': 'true',
  'transfer.fsckObjects': 'true',
  'gc.auto': '0',
  'init.defaultBranch': 'main',
};

/** A running git, its error stream left alone. */
export type GitProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** A bare repository on this machine's disk, and git in it. */
export interface GitRepo {
  /** Its parent, below which it is named `push.git`. */
  root: string;
  spawn(args: readonly string[], env?: Readonly<Record<string, string>>): GitProcess;
  /** Runs git to its end; what it printed. */
  run(args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/**
 * Makes an empty repository that takes packs of so many bytes. Git runs as a user of its own where
 * this process is root. Throws `KartaError('not_installed')` on a server without git.
 */
export async function openGitRepo(maxBytes: number = LIMITS.archiveBytes): Promise<GitRepo> {
  await removeLeftovers(tmpdir());
  const root = await mkdtemp(join(tmpdir(), NAME));
  const user = process.getuid?.() === 0 ? { uid: GIT_UID, gid: GIT_UID } : {};
  if (user.uid !== undefined) await chown(root, user.uid, user.gid);
  const folder = join(root, 'push.git');
  const settings = Object.entries({ ...SETTINGS, 'receive.maxInputSize': String(maxBytes) });
  const environment: Record<string, string> = {
    PATH,
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(settings.map(([key], at) => [`GIT_CONFIG_KEY_${at}`, key])),
    ...Object.fromEntries(settings.map(([, value], at) => [`GIT_CONFIG_VALUE_${at}`, value])),
  };
  const command = (args: readonly string[]) => [...PROCESS_LIMITS, 'git', ...args];
  const repo: GitRepo = {
    root,
    spawn: (args, env = {}) =>
      spawn('prlimit', command(args), {
        cwd: folder,
        env: { ...environment, ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
        ...user,
      }),
    async run(args) {
      const options = { cwd: root, env: environment, maxBuffer: 1024 * 1024, ...user };
      return (await promisify(execFile)('prlimit', command(args), options)).stdout;
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
  try {
    await repo.run(['init', '--quiet', '--bare', '--template=', folder]);
    return repo;
  } catch (cause) {
    await repo.remove();
    const { code } = cause as { code?: unknown };
    // 127 is how the launcher says that there is no such program.
    if (code === 'ENOENT' || code === 127) throw noGit({ cause });
    throw cause;
  }
}

/**
 * Removes what pushes have left that were killed. Root removes nothing that another user made: what
 * lies in there may change into a way out meanwhile.
 */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(NAME)) continue;
    const path = join(folder, name);
    const found = await lstat(path).catch(() => null); // Gone meanwhile.
    if (found === null || found.uid !== process.getuid?.()) continue;
    if (found.mtimeMs < Date.now() - LEFTOVER_MS) await rm(path, { recursive: true, force: true });
  }
}

/** What a server answers that cannot run git. */
export function noGit(options?: { cause: unknown }): KartaError {
  return new KartaError('not_installed', 'This server has no git, or no prlimit.', options);
}
