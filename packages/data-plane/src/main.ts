import pino from 'pino';
import type { DataPlaneReady } from './config.ts';
import { ConfigurationError, readConfiguration } from './process/configuration.ts';
import { type ServedDataPlane, serveDataPlane } from './process/serve-data-plane.ts';

/** Exit code of a configuration that cannot be used. */
const BAD_CONFIGURATION = 2;
/** How long the sandboxes may take to end once the parent is dead. They die with this process too. */
const ABANDON_MS = 5_000;

const level = process.env.KARTA_LOG_LEVEL ?? 'info';
const log = pino({ name: 'data-plane', level }, pino.destination({ dest: 2, sync: true }));
let plane: ServedDataPlane | null = null;

/** The parent is dead: nobody will ask for anything any more, and the database goes with it. */
function abandon(): void {
  setTimeout(() => process.exit(1), ABANDON_MS).unref();
  void (plane?.abandon() ?? Promise.resolve()).finally(() => process.exit(0));
}

async function drain(): Promise<void> {
  log.info('draining');
  await plane?.drain();
  process.exit(0);
}

// A terminal sends SIGINT to the whole process group; the parent decides when this process ends.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {
  drain().catch((error: unknown) => {
    log.fatal({ err: error }, 'the drain failed');
    process.exit(1);
  });
});
// The log goes to the parent; when that is dead there is nobody to complain to.
process.stderr.on('error', () => {});

try {
  const config = await readConfiguration(process.stdin, abandon);
  // The parent starts this process again, and the sessions resume.
  plane = await serveDataPlane(config, log, () => process.exit(1));
  const ready: DataPlaneReady = {
    ready: true,
    url: plane.url,
    internal_url: plane.internalUrl,
    isolation: plane.isolation,
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  log.info({ url: plane.url, isolation: plane.isolation }, 'serving');
} catch (error) {
  if (error instanceof ConfigurationError) log.fatal(error.message);
  else log.fatal({ err: error }, 'cannot start');
  process.exit(error instanceof ConfigurationError ? BAD_CONFIGURATION : 1);
}
