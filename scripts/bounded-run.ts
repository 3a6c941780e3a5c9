import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';

/** How long a test runner may still take once its report is written, in ms. */
const TEARDOWN_MS = 30_000;

/** How long the last output may take once the runner and its group are gone, in ms. */
const DRAIN_MS = 2_000;

/** How often the report is looked for, in ms. */
const LOOK_MS = 500;

export interface BoundedRun {
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** The file whose existence says that all work is done and only the tidying up is left. */
  report: string;
  teardownMs?: number;
}

/**
 * Runs a test runner to its end even when a test left a process behind. The runner would wait for
 * such a process for ever, and so would whoever reads our output if the process had inherited it:
 * therefore the runner has a process group of its own, which is killed `teardownMs` after the report
 * was written, and a pipe between it and our output. A run that had to be killed has failed.
 */
export function runBounded(
  command: string,
  args: readonly string[],
  { cwd, env, report, teardownMs = TEARDOWN_MS }: BoundedRun,
): Promise<number> {
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const child = spawn(command, args, {
    cwd,
    env: { ...colour, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pipe(process.stdout, { end: false });
  child.stderr.pipe(process.stderr, { end: false });
  const killGroup = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      // ESRCH: nobody of the group is left.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const stop = (signal: NodeJS.Signals) => {
    killGroup();
    process.exit(128 + constants.signals[signal]);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);

  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
  const closed = once(child, 'close');
  const abandoned = new AbortController();
  return Promise.race([ended, tidiedTooLong(report, teardownMs, abandoned.signal)]).finally(
    async () => {
      abandoned.abort();
      process.removeListener('SIGINT', stop);
      process.removeListener('SIGTERM', stop);
      killGroup();
      await Promise.race([closed, setTimeout(DRAIN_MS, undefined, { ref: false })]);
      child.stdout.destroy();
      child.stderr.destroy();
    },
  );
}

/** Resolves to the code of a failure `teardownMs` after the report was written. */
async function tidiedTooLong(
  report: string,
  teardownMs: number,
  signal: AbortSignal,
): Promise<number> {
  while (!existsSync(report)) await setTimeout(LOOK_MS, undefined, { signal });
  await setTimeout(teardownMs, undefined, { signal });
  console.error(`The tests ended ${teardownMs / 1000} s ago, but a process of theirs did not.`);
  return 1;
}
