import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * A command whose process leaves none of its memory behind when it crashes, neither in a file nor
 * with a program that is given crashes: for the latter (`|` in `core_pattern`) the kernel heeds no
 * limit but that of one byte, which a shell cannot set by itself. The shell becomes the program: it
 * is the same process.
 */
export function withoutCore(command: string, args: readonly string[]): [string, string[]] {
  return ['/bin/sh', ['-c', WITHOUT_CORE, 'sh', command, ...args]];
}

const WITHOUT_CORE = 'prlimit --pid $$ --core=1:1 2>/dev/null || ulimit -c 0; exec "$@"';

/**
 * The same for this process, which holds what it has read from its environment: from here on it, and
 * what it starts, leaves none. On a machine without `prlimit` its limit stays as it was found.
 */
export async function leaveNoCore(): Promise<void> {
  const limit = ['--pid', String(process.pid), '--core=1:1'];
  await promisify(execFile)('prlimit', limit, { env: { PATH: '/usr/bin:/bin' } }).catch(() => {});
}
