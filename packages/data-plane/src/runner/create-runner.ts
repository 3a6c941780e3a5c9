import { createHarnesses } from '@karta/harness';
import type { RunnerConfig } from './config.ts';
import { chooseDriver } from './machine/choose-driver.ts';
import { createLocalHost } from './machine/local-host.ts';
import type { Runner } from './port.ts';
import { runnerOn } from './runner-on.ts';

/** The runner of a data plane. Call `start` before anything else, `stop` at the end. */
export function createRunner(config: RunnerConfig): Runner {
  const { home, runtimeDir, sandbox } = config;
  const host = createLocalHost({
    home,
    harnesses: config.harnesses ?? [...createHarnesses().values()],
    chooseDriver: () => chooseDriver({ wanted: sandbox, home, runtimeDir }),
    openReader: () => Promise.reject(new Error('no reader')),
    environment: config.environment ?? {},
  });
  return runnerOn(host, config);
}
