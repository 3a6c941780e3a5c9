import pino, { type Logger } from 'pino';
import type { z } from 'zod';
import { ConfigurationError, readConfiguration } from './configuration.ts';
import { GatheredLog } from './gathered-log.ts';

/** Exit code of a configuration that cannot be used. */
const BAD_CONFIGURATION = 2;
/** How long a process whose parent is dead may take to end what it started, in milliseconds. */
const ABANDON_MS = 5_000;

/** One of a server's processes, as its `main.ts` describes it. */
export interface Service<Config, Ready extends object> {
  /** Stands in each line of its log. */
  name: string;
  /** Of the one line of JSON on standard input. */
  configuration: z.ZodType<Config>;
  /** Starts it. `broken` ends the process: its parent starts it anew. */
  serve(config: Config, log: Logger, broken: () => void): Promise<Serving<Ready>>;
}

/** A process that serves. */
export interface Serving<Ready> {
  /** Told to the parent as one line of JSON on standard output. */
  ready: Ready;
  /** Ends in good order: what runs may finish, nothing new begins. */
  drain(): Promise<void>;
  /** The parent is dead: nobody will ask for anything any more. */
  abandon(): Promise<void>;
}

/**
 * Runs a process from its configuration to its exit. It logs JSON lines to standard error, drains
 * on SIGTERM and ends by itself when standard input closes. A start that fails ends with 1, or with
 * 2 when the configuration was at fault.
 */
export async function runService<Config, Ready extends object>(
  service: Service<Config, Ready>,
): Promise<void> {
  const level = process.env.KARTA_LOG_LEVEL ?? 'info';
  const lines = new GatheredLog(pino.destination({ dest: 2, sync: true }));
  const log = pino({ name: service.name, level }, lines);
  let serving: Serving<Ready> | null = null;

  const abandon = () => {
    setTimeout(() => process.exit(1), ABANDON_MS).unref();
    void (serving?.abandon() ?? Promise.resolve()).finally(() => process.exit(0));
  };
  const drain = async () => {
    log.info('draining');
    try {
      await serving?.drain();
      process.exit(0);
    } catch (error) {
      log.fatal({ err: error }, 'the drain failed');
      process.exit(1);
    }
  };
  // A terminal sends SIGINT to the whole process group; the parent decides when this process ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => void drain());
  // The log goes to the parent; when that is dead there is nobody to complain to.
  process.stderr.on('error', () => {});

  try {
    const config = await readConfiguration(service.configuration, process.stdin, abandon);
    serving = await service.serve(config, log, () => process.exit(1));
    process.stdout.write(`${JSON.stringify(serving.ready)}\n`);
    log.info({ ready: serving.ready }, 'serving');
  } catch (error) {
    if (error instanceof ConfigurationError) log.fatal(error.message);
    else log.fatal({ err: error }, 'cannot start');
    process.exit(error instanceof ConfigurationError ? BAD_CONFIGURATION : 1);
  }
}
