import pino from 'pino';
import type { DoorsReady } from './config.ts';
import { ConfigurationError, readConfiguration } from './process/configuration.ts';
import { type ServedDoors, serveDoors } from './process/serve-doors.ts';

/** Exit code of a configuration that cannot be used. */
const BAD_CONFIGURATION = 2;

const log = pino({ name: 'doors' }, pino.destination({ dest: 2, sync: true }));
let doors: ServedDoors | null = null;

/** The parent is dead: nobody will ask for anything any more. */
async function abandon(): Promise<void> {
  await doors?.stop();
  process.exit(0);
}

async function drain(): Promise<void> {
  log.info('draining');
  await doors?.drain();
  process.exit(0);
}

// A terminal sends SIGINT to the whole process group; the parent decides when the doors end.
process.on('SIGINT', () => {});
process.on('SIGTERM', drain);

try {
  const config = await readConfiguration(process.stdin, abandon);
  doors = await serveDoors(config, log);
  const ready: DoorsReady = { ready: true, metrics_port: doors.metricsPort };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  const upstreams = config.upstreams.map(({ id }) => id);
  log.info({ upstreams, uid: process.getuid?.() }, 'serving');
} catch (error) {
  if (error instanceof ConfigurationError) log.fatal(error.message);
  else log.fatal({ err: error }, 'cannot start');
  process.exit(error instanceof ConfigurationError ? BAD_CONFIGURATION : 1);
}
