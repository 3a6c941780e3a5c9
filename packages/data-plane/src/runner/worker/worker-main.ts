import { parentPort, workerData } from 'node:worker_threads';
import { createHarnesses } from '@karta/harness';
import { createLocalHost } from '../machine/local-host.ts';
import { serveHost } from './serve-host.ts';
import { workerSettings } from './worker-settings.ts';

/** The thread that holds machines: sandboxes, adapters, and nothing worth stealing. */
const port = parentPort;
if (port === null) throw new Error('this module is the body of a worker');

// An adapter's stray rejection is the end of one turn, which its guard tells; it must not be the
// end of every session of this thread.
process.on('uncaughtException', (error) =>
  port.postMessage({ kind: 'stray', error: strayText(error) }),
);
process.on('unhandledRejection', (error) =>
  port.postMessage({ kind: 'stray', error: strayText(error) }),
);

const settings = workerSettings.parse(workerData);
serveHost(createLocalHost({ ...settings, harnesses: [...createHarnesses().values()] }), port);

function strayText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
