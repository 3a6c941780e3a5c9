import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { CliError } from '../cli-error.ts';
import { REMOTE } from './git-remote.ts';

/** Lines of git that a failure quotes. */
const QUOTED_LINES = 12;

/**
 * Pushes what is checked out to `main` of the remote, whatever the branch is called; `say` hears
 * each line that git and the server print. Throws `CliError` with the last of them.
 */
export async function pushHead(root: string, say: (line: string) => void): Promise<void> {
  const child = spawn('git', ['-C', root, 'push', REMOTE, 'HEAD:refs/heads/main'], {
    // Nobody is asked for a password: who is signed in is known, or is not.
    env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const last: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    say(line);
    if (last.push(line) > QUOTED_LINES) last.shift();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  throw new CliError(
    'refused',
    `git push ended with ${code ?? 'a signal'}`,
    'Correct what git says above; what runs has not changed.',
    { details: last },
  );
}
