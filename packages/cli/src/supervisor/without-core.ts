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
