import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AskAnswer,
  type Harness,
  HarnessError,
  type HarnessEvent,
  type HarnessEvents,
  type HarnessSession,
  type HarnessSetup,
  type StoredMessage,
  type TurnInput,
} from '@karta/harness';
import type { Isolation } from '@karta/protocol';
import { createReader, type FileList, type Reader, type Sandbox } from '@karta/sandbox';
import { RUNNER_LIMITS } from '../limits.ts';
import { startFault } from './faults.ts';
import { guardTurn } from './guard-turn.ts';
import { joinTexts } from './join-texts.ts';
import type { Machine, MachineEnd, OpenOrder } from './machine-port.ts';

export interface LocalMachineParts {
  sandbox: Sandbox;
  harness: Harness;
  setup: HarnessSetup;
  env: Readonly<Record<string, string>>;
}

/** A machine whose sandbox and adapter live in this thread. */
export class LocalMachine implements Machine {
  readonly isolation: Isolation;
  readonly ended: Promise<MachineEnd>;
  readonly #parts: LocalMachineParts;
  #session: HarnessSession | null = null;
  #rawWanted = false;
  readonly #reader: Reader;
  #tellEnd: (end: MachineEnd) => void = () => undefined;
  #disposed: Promise<void> | null = null;

  constructor(parts: LocalMachineParts) {
    this.#parts = parts;
    this.isolation = parts.sandbox.isolation;
    this.#reader = createReader(parts.sandbox);
    this.ended = new Promise((resolve) => {
      this.#tellEnd = resolve;
    });
    parts.sandbox.onViolation(({ message }) => this.#tellEnd({ cause: 'violation', message }));
  }

  get resumeId(): string | null {
    return this.#session?.resumeId ?? null;
  }

  async open({ resumeId, warm }: OpenOrder): Promise<void> {
    const { harness, setup, sandbox, env } = this.#parts;
    const opening = harness.open({ ...setup, sandbox, resumeId, env, warm });
    // Whoever waits for the start learns at once that the sandbox has gone.
    const gone = this.ended.then(({ message }) => {
      throw new HarnessError('start_failed', `the sandbox ended while it started: ${message}`);
    });
    try {
      const session = await Promise.race([opening, gone]);
      this.#session = session;
      void session.exited.then(() => this.#afterExit());
    } catch (cause) {
      void opening.then((late) => late.close()).catch(() => undefined);
      throw startFault(cause);
    } finally {
      gone.catch(() => undefined);
    }
  }

  async *turn(
    input: TurnInput,
    signal: AbortSignal,
  ): AsyncGenerator<readonly HarnessEvent[], void, undefined> {
    const session = this.#session;
    const turn = session === null ? NOT_OPEN : session.turn(input, signal);
    for await (const events of guardTurn(turn, this.ended)) {
      yield this.#rawWanted ? events : joinTexts(events);
    }
  }

  showRaw(wanted: boolean): void {
    this.#rawWanted = wanted;
  }

  answer(requestId: string, answer: AskAnswer): Promise<void> {
    if (this.#session === null) return Promise.reject(new HarnessError('closed', 'not open'));
    return this.#session.answer(requestId, answer);
  }

  history(resumeId: string): AsyncIterable<StoredMessage> {
    return this.#parts.harness.history(this.#reader, resumeId);
  }

  listFiles(prefix: string): Promise<FileList> {
    return this.#reader.list(prefix === '' ? {} : { prefix });
  }

  readFile(path: string): Promise<{ size: number; body: Readable }> {
    return this.#reader.read(path);
  }

  writeFile(path: string, body: Readable, maxBytes: number): Promise<{ size: number }> {
    return this.#reader.write(path, body, maxBytes);
  }

  removeFile(path: string): Promise<void> {
    return this.#reader.remove(path);
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.#tellEnd({ cause: 'disposed', message: 'ended by the platform' });
    if (this.#session !== null) {
      const closed = this.#session.close().catch(() => undefined);
      await Promise.race([closed, delay(RUNNER_LIMITS.closeMs, undefined, { ref: false })]);
    }
    await this.#parts.sandbox.dispose();
  }

  /** A limit kills the harness first and is told a moment later; it is the better explanation. */
  async #afterExit(): Promise<void> {
    await delay(RUNNER_LIMITS.violationMs / 2, undefined, { ref: false });
    this.#tellEnd({ cause: 'exited', message: 'the harness ended by itself' });
  }
}

const NOT_OPEN: HarnessEvents = {
  async *[Symbol.asyncIterator]() {
    yield [
      {
        type: 'error',
        code: 'harness_exited',
        message: 'The harness does not run.',
        retryable: true,
      },
      { type: 'end', stopReason: 'error' },
    ];
  },
};
