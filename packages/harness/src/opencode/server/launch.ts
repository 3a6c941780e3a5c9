import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { SandboxProcess } from '@karta/sandbox';
import { cleanHostileText, splitLines } from '../../guard/index.ts';
import { HarnessError, type HarnessRun } from '../../port.ts';
import { type Connection, connect } from './connection.ts';
import { environmentOf, INSIDE, LISTEN } from './environment.ts';

/** A start that takes longer has failed; a cold one takes 1.2 to 2.5 s on two cores. */
const START_MS = 60_000;
/** A line of the server's own output. */
const LINE_BYTES = 64 * 1024;
/** How much of its last words an error repeats. */
const LAST_WORDS = 2_000;
/** After SIGTERM, before SIGKILL. It ends in some 75 ms when nothing holds it. */
const TERM_MS = 2_000;

/** A running OpenCode server. */
export interface Server {
  connection: Connection;
  /** Where it sees `/workspace`. */
  directory: string;
  exited: Promise<void>;
  /** The end of what it wrote to stderr. */
  lastWords(): string;
  stop(): Promise<void>;
}

/**
 * Starts `opencode serve` in the sandbox and waits until it listens. Throws
 * `HarnessError('start_failed')` with its last words.
 */
export async function launch(run: HarnessRun, config: string): Promise<Server> {
  const { sandbox } = run;
  const password = randomBytes(24).toString('base64url');
  const process = spawnServer(run, config, password);
  const words = lastWordsOf(process.stderr);
  const exited = process.exited.then(() => undefined);
  const stop = () => stopProcess(process);
  try {
    await untilListening(process);
  } catch (error) {
    await stop();
    const detail = words() === '' ? '' : `: ${words()}`;
    throw new HarnessError('start_failed', `OpenCode did not start${detail}`, { cause: error });
  }
  const directory = sandbox.place(INSIDE.workspace);
  const dial = () => sandbox.dial(LISTEN);
  const connection = connect({ dial, password, directory });
  return {
    connection,
    directory,
    exited,
    lastWords: words,
    stop: async () => {
      connection.close();
      await stop();
    },
  };
}

function spawnServer(run: HarnessRun, config: string, password: string): SandboxProcess {
  const { sandbox, model, env } = run;
  return sandbox.spawn({
    argv: [
      sandbox.place(INSIDE.binary),
      'serve',
      '--hostname',
      '127.0.0.1',
      '--port',
      String(sandbox.loopback(LISTEN)),
    ],
    env: environmentOf({
      sandbox,
      offer: model.offer,
      credential: model.credential,
      password,
      env,
      config,
    }),
    cwd: INSIDE.workspace,
    listens: [LISTEN],
  });
}

/** Resolves at the line that says where it listens; goes on draining its output after that. */
async function untilListening(process: SandboxProcess): Promise<void> {
  process.stdin.on('error', ignoreBrokenPipe);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`it did not listen within ${START_MS} ms`)),
    START_MS,
  );
  void process.exited.then(({ code }) => reject(new Error(`it ended with code ${code}`)));
  void watch(process.stdout, (line) => {
    if (line.includes('listening on http')) resolve();
  }).catch(reject);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
}

async function watch(source: Readable, onLine: (line: string) => void): Promise<void> {
  for await (const line of splitLines(source, LINE_BYTES)) onLine(Buffer.from(line).toString());
}

function lastWordsOf(source: Readable): () => string {
  let words = '';
  source.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-LAST_WORDS);
  });
  source.on('error', ignoreBrokenPipe);
  return () => cleanHostileText(words).trim();
}

/** A pipe of a process that died breaks; its exit is what tells of that. */
function ignoreBrokenPipe(): void {}

async function stopProcess(process: SandboxProcess): Promise<void> {
  process.kill('SIGTERM');
  const timer = setTimeout(() => process.kill('SIGKILL'), TERM_MS);
  await process.exited;
  clearTimeout(timer);
}
