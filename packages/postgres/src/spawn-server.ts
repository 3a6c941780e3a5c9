import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { PostgresError } from './errors.ts';
import { HERE, SERVER_ENVIRONMENT } from './initialize.ts';
import { commandAs, type RunAs } from './run-as.ts';

/** How long a start may take, recovery after a crash included. Usual: 0.03 s. */
const START_MS = 60_000;
/** How long a server may take to end after each signal. Usual: 0.1 s. */
const STOP_MS = 10_000;
/** Lines of the server's log that a failure to start quotes. */
const QUOTED_LINES = 5;

const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  shared_buffers: '16MB',
  max_connections: '40',
  // Statements can hold what people wrote.
  log_min_error_statement: 'panic',
  log_parameter_max_length_on_error: '0',
};

export interface ServerProcess {
  pid: number;
  exited: Promise<void>;
  stop(): Promise<void>;
}

/** Starts `postgres` and waits until it serves. Throws `PostgresError('start_failed')`. */
export async function spawnServer(options: {
  binary: string;
  dataDir: string;
  socketFolder: string;
  user: RunAs | null;
  log: (line: string) => void;
  /** In place of the usual ones of the same name. */
  settings: Readonly<Record<string, string>>;
}): Promise<ServerProcess> {
  const settings = Object.entries({ ...SETTINGS, ...options.settings }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const argv = [options.binary, '-D', HERE, '-k', options.socketFolder, ...settings];
  const [command, args] = commandAs(options.user, argv, { endWithParent: true });
  const child = spawn(command, args, {
    cwd: options.dataDir,
    env: SERVER_ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
    // A Ctrl-C in the terminal is for Karta, which stops the database last.
    detached: true,
  });
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const last: string[] = [];
  const serves = new Promise<true>((resolve, reject) => {
    child.once('error', reject);
    createInterface({ input: child.stderr }).on('line', (line) => {
      options.log(line);
      if (last.push(line) > QUOTED_LINES) last.shift();
      if (line.includes('database system is ready to accept connections')) resolve(true);
    });
  });
  const started = await within(Promise.race([serves, exited.then(() => false)]), START_MS);
  if (started !== true) {
    child.kill('SIGKILL');
    throw new PostgresError('start_failed', `PostgreSQL did not start: ${last.join(' | ')}`);
  }
  return {
    pid: child.pid ?? 0,
    exited,
    stop: async () => {
      for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
        if (child.exitCode === null && child.signalCode === null) child.kill(signal);
        if ((await within(exited, STOP_MS)) !== LATE) return;
      }
    },
  };
}

const LATE = Symbol('late');

async function within<T>(promise: Promise<T>, ms: number): Promise<T | typeof LATE> {
  const abort = new AbortController();
  const timeout = delay(ms, LATE, { signal: abort.signal }).catch((): typeof LATE => LATE);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    abort.abort();
  }
}
