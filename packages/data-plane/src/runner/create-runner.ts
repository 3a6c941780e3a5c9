import { availableParallelism } from 'node:os';
import { createHarnesses } from '@karta/harness';
import type { RunnerConfig } from './config.ts';
import { RUNNER_LIMITS } from './limits.ts';
import { createLocalHost } from './machine/local-host.ts';
import { pullingHost } from './machine/pulling-host.ts';
import type { Runner } from './port.ts';
import { runnerOn } from './runner-on.ts';
import { startWorkers } from './worker/start-workers.ts';

/** The runner of a data plane. Call `start` before anything else, `stop` at the end. */
export function createRunner(config: RunnerConfig): Runner {
  const workers = config.workers ?? Math.min(availableParallelism(), RUNNER_LIMITS.workers);
  const { home, runtimeDir, sandbox } = config;
  const host =
    workers > 0
      ? startWorkers(config, workers)
      : createLocalHost({
          home,
          runtimeDir,
          sandbox,
          harnesses: config.harnesses ?? [...createHarnesses().values()],
        });
  const { haveRelease } = config;
  return runnerOn(haveRelease === undefined ? host : pullingHost(host, haveRelease), config);
}
