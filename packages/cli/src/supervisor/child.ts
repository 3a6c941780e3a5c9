import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from '../cli-error.ts';
import { childEnvironment } from './child-environment.ts';
import { withoutCore } from './without-core.ts';

/** How long a child may take until it serves. Usual: under a second. */
const READY_MS = 60_000;
/** How long a child may drain after SIGTERM beyond its own promise, before it is killed. */
export const STOP_MS = 10_000;
/** Lines of a child's log that a failure to start quotes. */
const QUOTED_LINES = 8;
/**
 * New objects of a thread get at most three times this, in MiB. By itself V8 takes over 100 MB for
 * them in a data plane where 24 do at the same processor time, and returns it only when it idles.
 */
export const SMALL_YOUNG_SPACE = '--max-semi-space-size=8';

export interface ChildCommand {
  /** For people: `doors`, `data plane`. */
  name: string;
  /** The TypeScript file to run. */
  main: string;
  /** Goes to the child as one line on stdin, the only place where it may hold secrets. */
  configuration: unknown;
  /** Receives each line of the child's log. */
  log: (line: string) => void;
  /** How long `stop` waits after SIGTERM. */
  drainMs?: number;
  environment?: Readonly<Record<string, string>>;
  /**
   * V8's options, by default a small space for new objects. They go as arguments: in a variable they
   * would reach what the child starts.
   */
  engineOptions?: readonly string[];
  readyMs?: number;
}

/** How a child ended. */
export interface ChildEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The last lines of its log, as text. */
  lastLines: readonly string[];
}

/** A process of this server. It ends by itself when this process dies, since its stdin closes. */
export interface Child<Ready> {
  readonly name: string;
  readonly pid: number;
  readonly ready: Ready;
  readonly ended: Promise<ChildEnd>;
  /** SIGTERM, then SIGKILL when it does not drain in time. Idempotent. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): void;
}

/**
 * Starts a child and waits for its line `{"ready":true,…}`, which `parse` checks. Throws `CliError`
 * with the child's last words when it ends before that or takes too long.
 */
export async function startChild<Ready>(
  command: ChildCommand,
  parse: (line: unknown) => Ready,
): Promise<Child<Ready>> {
  // It may hold keys.
  const { engineOptions = [SMALL_YOUNG_SPACE] } = command;
  const [program, args] = withoutCore(process.execPath, [...engineOptions, command.main]);
  const child = spawn(program, args, {
    env: command.environment ?? childEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
    // A session of its own: a Ctrl-C in the terminal is for the supervisor, which drains in order.
    detached: true,
  });
  const lastLines: string[] = [];
  const ended = endOf(child, lastLines);
  createInterface({ input: child.stderr }).on('line', (line) => {
    command.log(line);
    if (lastLines.push(line) > QUOTED_LINES) lastLines.shift();
  });
  const lines = createInterface({ input: child.stdout });
  const firstLine = new Promise<string>((resolve) => lines.once('line', resolve));
  // A child that ends at once breaks the pipe; its end is what gets reported.
  child.stdin.on('error', () => undefined);
  child.stdin.write(`${JSON.stringify(command.configuration)}\n`);

  const outcome = await Promise.race([
    firstLine,
    ended,
    delay(command.readyMs ?? READY_MS, null, { ref: false }),
  ]);
  if (outcome === null || typeof outcome === 'object') {
    child.kill('SIGKILL');
    throw startFailure(command.name, outcome, lastLines.map(messageOf));
  }
  lines.on('line', command.log);
  return {
    name: command.name,
    pid: child.pid ?? 0,
    ready: parse(JSON.parse(outcome)),
    ended,
    stop: () => stop(child, ended, (command.drainMs ?? 0) + STOP_MS),
    kill: () => void child.kill('SIGKILL'),
  };
}

function endOf(child: ChildProcess, lastLines: readonly string[]): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) =>
      resolve({ code: null, signal: null, lastLines: [error.message] }),
    );
    child.once('close', (code, signal) =>
      resolve({ code, signal, lastLines: lastLines.map(messageOf) }),
    );
  });
}

async function stop(child: ChildProcess, ended: Promise<ChildEnd>, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const late = await Promise.race([ended.then(() => false), delay(graceMs, true, { ref: false })]);
  if (late) child.kill('SIGKILL');
  await ended;
}

function startFailure(name: string, end: ChildEnd | null, lastLines: readonly string[]): CliError {
  const how =
    end === null ? 'did not become ready in time' : `ended at its start (${endText(end)})`;
  return new CliError(
    'failed',
    `The ${name} ${how}`,
    'Run "karta doctor" to see what is missing.',
    {
      details: lastLines,
    },
  );
}

/** `exit 1`, `SIGKILL`: how a child ended, for people. */
export function endText(end: ChildEnd): string {
  return end.signal ?? (end.code === null ? 'could not be run' : `exit ${end.code}`);
}

/** The message of a JSON log line; any other line as it is. */
export function messageOf(line: string): string {
  try {
    const entry = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } };
    return [entry.msg, entry.err?.message].filter((part) => typeof part === 'string').join(': ');
  } catch {
    // Not every line of a dying process is JSON.
    return line;
  }
}
