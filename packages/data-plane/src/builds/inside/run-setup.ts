import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { KARTA_TOML } from '../../releases/karta-toml.ts';
import { refusal } from './build-refused.ts';

/** How long `[build] setup` may take, in milliseconds. */
export const SETUP_MS = 10 * 60_000;
const MAX_LINE_CHARS = 2_000;
/** Lines told of one setup; a build that says more goes on in silence. */
const MAX_LINES = 10_000;

/**
 * Runs `[build] setup` in the workspace, its output line by line to `log`. Throws `BuildRefused`
 * when it fails or takes too long. What it leaves running is ended.
 */
export async function runSetup(
  command: string,
  workspace: string,
  env: Readonly<Record<string, string>>,
  log: (line: string) => void,
): Promise<void> {
  // A group of its own, so that everything it starts can be ended together.
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: workspace,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', CI: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = 0;
  const tell = (stream: Readable) => {
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      said += 1;
      if (said < MAX_LINES) log(line.slice(0, MAX_LINE_CHARS));
      else if (said === MAX_LINES) log('… (more is not shown)');
    });
  };
  tell(child.stdout);
  tell(child.stderr);
  let late = false;
  const endGroup = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const timer = setTimeout(() => {
    late = true;
    endGroup();
  }, SETUP_MS);
  const { promise, resolve, reject } = Promise.withResolvers<{
    code: number | null;
    signal: string | null;
  }>();
  child.once('error', reject);
  // Not `close`: what it left in the background may hold the pipes open.
  child.once('exit', (code, signal) => resolve({ code, signal }));
  try {
    const { code, signal } = await promise;
    if (late)
      throw refusal(KARTA_TOML, `[build] setup took longer than ${SETUP_MS / 60_000} minutes`);
    if (code !== 0) {
      throw refusal(
        KARTA_TOML,
        `[build] setup failed with ${code === null ? `signal ${signal}` : `exit code ${code}`}`,
      );
    }
  } finally {
    clearTimeout(timer);
    endGroup();
    child.stdout.destroy();
    child.stderr.destroy();
  }
}
