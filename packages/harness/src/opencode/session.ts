import { GuardError } from '../guard/index.ts';
import {
  type AskAnswer,
  HarnessError,
  type HarnessEvent,
  type HarnessRun,
  type HarnessSession,
  type TurnInput,
} from '../port.ts';
import { type PlatformOptions, platformConfig } from './app/platform-config.ts';
import { pumpEvents } from './events/event-pump.ts';
import { resyncEvents } from './events/resync.ts';
import type { ServerEvent } from './events/schema.ts';
import { type Calls, callsOf } from './server/calls.ts';
import { launch, type Server } from './server/launch.ts';
import { ActiveTurn } from './turn/active-turn.ts';
import { Family } from './turn/family.ts';
import { promptOf } from './turn/prompt.ts';
import { warmUp } from './warm-up.ts';

/**
 * Starts OpenCode in the sandbox and opens a conversation, or takes one up. Throws `HarnessError`
 * (`start_failed`, `cannot_resume`).
 */
export async function openSession(
  run: HarnessRun,
  options: PlatformOptions,
): Promise<HarnessSession> {
  const config = JSON.stringify(platformConfig(run, options));
  const server = await launch(run, config);
  try {
    const calls = callsOf(server);
    const { commands } = await calls.load();
    if (run.warm) await warmUp(server, calls);
    const { resumeId } = run;
    const sessionId = await (resumeId === null ? calls.createSession() : calls.resume(resumeId));
    return await OpenCodeSession.start({ server, calls, sessionId, commands });
  } catch (error) {
    await server.stop();
    if (error instanceof HarnessError) throw error;
    throw new HarnessError('start_failed', startMessage(error, server), { cause: error });
  }
}

function startMessage(error: unknown, server: Server): string {
  const reason = error instanceof Error ? error.message : 'unknown reason';
  const words = server.lastWords();
  return `OpenCode did not start: ${reason}${words === '' ? '' : `; ${words}`}`;
}

interface SessionParts {
  server: Server;
  calls: Calls;
  sessionId: string;
  commands: ReadonlySet<string>;
}

/** One conversation with a running server. */
class OpenCodeSession implements HarnessSession {
  readonly #parts: SessionParts;
  readonly #family: Family;
  readonly #reading = new AbortController();
  readonly #retiredAsks = new Set<string>();
  #turn: ActiveTurn | null = null;
  #ended = false;
  readonly exited: Promise<void>;

  /** Resolves once the server's events are read, so that none of a turn is missed. */
  static async start(parts: SessionParts): Promise<OpenCodeSession> {
    const session = new OpenCodeSession(parts);
    await session.#read();
    return session;
  }

  private constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#family = new Family(parts.sessionId);
    this.exited = parts.server.exited.then(() => this.#onExit());
  }

  get resumeId(): string {
    return this.#parts.sessionId;
  }

  async *turn(input: TurnInput, signal: AbortSignal): AsyncGenerator<readonly HarnessEvent[]> {
    if (this.#ended) {
      yield [exitedError(this.#parts.server), { type: 'end', stopReason: 'error' }];
      return;
    }
    if (this.#turn !== null) {
      const message = 'A turn of this session is still running.';
      yield [
        { type: 'error', code: 'internal', message, retryable: true },
        { type: 'end', stopReason: 'error' },
      ];
      return;
    }
    const turn = this.#newTurn(input);
    this.#turn = turn;
    try {
      yield* turn.run(signal);
    } finally {
      // A reader that left early leaves a turn behind that is still being stopped.
      await turn.ended;
      this.#turn = null;
    }
  }

  async answer(requestId: string, answer: AskAnswer): Promise<void> {
    if (this.#ended) throw new HarnessError('closed', 'OpenCode has ended');
    if (!(await this.#turn?.answer(requestId, answer))) {
      throw new HarnessError('unknown_ask', `no ask ${requestId} waits`);
    }
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#reading.abort();
    await this.#parts.server.stop();
    await this.exited;
  }

  #newTurn(input: TurnInput): ActiveTurn {
    const { server, calls, sessionId, commands } = this.#parts;
    const family = this.#family;
    const prompt = promptOf(input, server.directory, commands);
    const setup = {
      family,
      workspace: server.directory,
      thinking: input.thinking,
      retiredAsks: this.#retiredAsks,
      now: Date.now,
    };
    return new ActiveTurn(setup, {
      prompt: () => calls.prompt(sessionId, prompt, input),
      abort: () => calls.abort([sessionId, ...family.busyChildren]),
      reply: (ask) => calls.reply(ask),
      withdraw: async (ask) => {
        const denial = { decision: 'deny', message: 'The turn was stopped.' } as const;
        await calls.reply({ ...ask, answer: denial });
      },
      kill: () => void server.stop(),
    });
  }

  #read(): Promise<void> {
    const handlers = {
      onEvent: (event: ServerEvent) => this.#onEvent(event),
      onReconnected: async () => {
        const turn = this.#turn;
        if (turn === null) return;
        await turn.resync(await resyncEvents(this.#parts.calls, this.#family, turn.start));
      },
      onLost: (error: Error) => this.#onLost(error),
    };
    return pumpEvents(this.#parts.server.connection, handlers, this.#reading.signal);
  }

  #onEvent(event: ServerEvent): undefined | Promise<void> {
    if (event.type === 'server.instance.disposed') {
      throw new GuardError('protocol', 'its configuration was reloaded from inside the sandbox');
    }
    if (this.#turn !== null) return this.#turn.accept(event);
    if (event.type === 'message.updated') {
      this.#family.sawMessage(event.properties.info.sessionID, event.properties.info.id);
    }
    if (event.type === 'session.status') {
      this.#family.status(event.properties.sessionID, event.properties.status.type);
    }
    return undefined;
  }

  /** Events came that break the protocol, or none can be had: the server is ended. */
  #onLost(error: Error): void {
    if (this.#ended) return;
    this.#turn?.fail({
      type: 'error',
      code: 'harness_protocol',
      message: `OpenCode was stopped: ${error.message.slice(0, 300)}`,
      retryable: false,
    });
    void this.close();
  }

  #onExit(): void {
    this.#ended = true;
    this.#reading.abort();
    this.#turn?.fail(exitedError(this.#parts.server));
  }
}

function exitedError(server: Server): Extract<HarnessEvent, { type: 'error' }> {
  const words = server.lastWords();
  const message = `OpenCode ended unexpectedly${words === '' ? '.' : `: ${words.slice(-500)}`}`;
  return { type: 'error', code: 'harness_exited', message, retryable: true };
}
