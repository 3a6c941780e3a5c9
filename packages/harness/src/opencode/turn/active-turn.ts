import type { StopReason } from '@karta/protocol';
import type { AskAnswer, HarnessEvent } from '../../port.ts';
import type { ServerEvent } from '../events/schema.ts';
import type { OpenAsk } from './ask-book.ts';
import { EventQueue } from './event-queue.ts';
import { type TurnSetup, TurnState } from './turn-state.ts';

/** Events that may wait for a slow reader before the server is no longer read. */
const QUEUED_EVENTS = 256;
/** How long an ask waits for its tool call's input before it is shown without. */
const HIDDEN_ASK_MS = 250;
/**
 * Once all rests, a message left open or a background result left out is waited for this long.
 */
const SETTLE_MS = 3_000;
/** A stop that had no effect is repeated after this long … */
const STOP_REPEAT_MS = 1_500;
/** … and after this many in vain the server is ended. */
const STOP_ATTEMPTS = 4;

/** What a turn needs of the server. */
export interface TurnServer {
  prompt(): Promise<void>;
  /** Stops the session and its sub-sessions. */
  abort(): Promise<void>;
  /** Sends the answer of an ask; `false` when the server no longer waits for it. */
  reply(ask: OpenAsk): Promise<boolean>;
  /** Takes back an ask of a stopped turn, which the server would list for ever. */
  withdraw(ask: OpenAsk): Promise<void>;
  /** Ends the server: it does not stop. */
  kill(): void;
}

/** A turn under way: brings together the server's events, the person's answers and the signal. */
export class ActiveTurn {
  readonly #state: TurnState;
  readonly #server: TurnServer;
  readonly #queue = new EventQueue<HarnessEvent>(QUEUED_EVENTS);
  readonly #done = Promise.withResolvers<StopReason>();
  readonly #startedAt: number;
  #cancelled = false;
  #stopping = false;
  #abortSent = false;
  #over = false;
  #hiddenTimer: NodeJS.Timeout | undefined;
  #settleTimer: NodeJS.Timeout | undefined;
  #stopTimer: NodeJS.Timeout | undefined;

  constructor(setup: TurnSetup, server: TurnServer) {
    this.#state = new TurnState(setup);
    this.#server = server;
    this.#startedAt = setup.now();
  }

  /** Where the turn begins in the session's messages. */
  get start(): { firstMessageId: string | null; startedAt: number } {
    return { firstMessageId: this.#state.firstMessageId, startedAt: this.#startedAt };
  }

  /** Runs to `end`. Throws nothing. */
  async *run(signal: AbortSignal): AsyncGenerator<readonly HarnessEvent[]> {
    const cancel = () => {
      this.#cancelled = true;
      this.#stop();
    };
    if (signal.aborted) {
      this.#cancelled = true;
      this.#finish();
    } else {
      // The prompt leaves first: it is what somebody waits for.
      void this.#drive();
      signal.addEventListener('abort', cancel, { once: true });
    }
    try {
      yield* this.#queue;
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#queue.abandon();
      if (!this.#over) this.#stop();
    }
  }

  /** Takes an event of the server. A promise is to be waited for: the reader does not keep up. */
  accept(event: ServerEvent): undefined | Promise<void> {
    return this.#tell((state) => state.accept(event));
  }

  /** Takes in what may have been missed while the stream of events was broken. */
  async resync(events: readonly ServerEvent[]): Promise<void> {
    await this.#tell((state) => state.resync(events));
  }

  #tell(take: (state: TurnState) => HarnessEvent[]): undefined | Promise<void> {
    if (this.#over) return undefined;
    const events = take(this.#state);
    const pushed = this.#queue.push(events);
    this.#advance();
    return pushed;
  }

  /** Takes an answer of the platform; `false` when no such ask waits. */
  async answer(requestId: string, answer: AskAnswer): Promise<boolean> {
    if (this.#over || !this.#state.asks.answer(requestId, answer)) return false;
    const { decision } = answer;
    this.#queue.add([{ type: 'ask_resolved', requestId, decision, by: 'platform' }]);
    return !(await this.#sendAnswers()).includes(requestId);
  }

  /** Sends what may be sent; resolves to the ids for which the server did not wait any more. */
  async #sendAnswers(): Promise<string[]> {
    const sent = this.#state.takeAnswers().map(async (ask) => {
      return (await this.#server.reply(ask)) ? [] : [ask.request.id];
    });
    return (await Promise.all(sent)).flat();
  }

  /** The turn cannot go on. */
  fail(error: Extract<HarnessEvent, { type: 'error' }>): void {
    if (this.#over) return;
    if (!this.#state.failed) this.#queue.add([error]);
    this.#finish('error');
  }

  async #drive(): Promise<void> {
    try {
      await this.#server.prompt();
    } catch (error) {
      // What is refused because it is being stopped ends as such, by the server's events.
      if (this.#stopping && this.#state.started) return;
      if (this.#stopping) this.#finish();
      this.fail({
        type: 'error',
        code: 'internal',
        message: `OpenCode refused the message: ${error instanceof Error ? error.message : 'unknown'}`,
        retryable: false,
      });
    }
  }

  /** After each event: is the turn over, must it be stopped, is something waited for in vain? */
  #advance(): void {
    const state = this.#state;
    if (state.stop !== null) this.#stop();
    if (this.#stopping) this.#abortWhenStarted();
    // A denial that was held back: its failure shows as a turn that does not go on, and is cancelled.
    else if (!state.asks.empty) void this.#sendAnswers().catch(() => undefined);
    if (state.finished) {
      this.#finish();
      return;
    }
    clearTimeout(this.#settleTimer);
    if (state.idle) this.#settleTimer = setTimeout(() => this.#finish(), SETTLE_MS);
    clearTimeout(this.#hiddenTimer);
    if (state.asks.hidden) {
      const show = () => this.#queue.add(state.showHiddenAsks());
      this.#hiddenTimer = setTimeout(show, HIDDEN_ASK_MS);
    }
  }

  /**
   * Stops the server's work on this turn, again and again until it rests. An abort that comes before
   * the prompt is taken up is lost, so the first one waits for a sign of work.
   */
  #stop(attempt = 1): void {
    if (this.#over || (this.#stopping && attempt === 1)) return;
    this.#stopping = true;
    this.#state.asks.stopping = true;
    if (attempt > STOP_ATTEMPTS) {
      this.#server.kill();
      return;
    }
    this.#stopTimer = setTimeout(() => this.#stop(attempt + 1), STOP_REPEAT_MS);
    this.#abortSent = false;
    this.#abortWhenStarted();
  }

  #abortWhenStarted(): void {
    if (this.#abortSent || !this.#state.started) return;
    this.#abortSent = true;
    // A failure shows as a session that does not rest: the next attempt comes.
    void this.#server.abort().catch(() => undefined);
  }

  #finish(reason?: StopReason): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#hiddenTimer);
    clearTimeout(this.#settleTimer);
    clearTimeout(this.#stopTimer);
    // A server that failed is not asked for anything any more.
    const unsent = reason === 'error' ? [] : this.#state.asks.unsent;
    this.#queue.add(this.#state.dropAsks());
    const stopReason = reason === 'error' ? this.#errorReason() : this.#reason();
    const withdrawn = Promise.all(unsent.map((ask) => this.#server.withdraw(ask)));
    void withdrawn
      .catch(() => undefined)
      .then(() => {
        this.#queue.add([{ type: 'end', stopReason }]);
        this.#queue.end();
        this.#done.resolve(stopReason);
      });
  }

  #reason(): StopReason {
    if (this.#cancelled) return 'cancelled';
    return this.#state.failed ? this.#errorReason() : 'end_turn';
  }

  #errorReason(): StopReason {
    return this.#state.budgetExhausted ? 'budget_exhausted' : 'error';
  }

  /** Resolves when the turn is over, whoever read it. */
  get ended(): Promise<StopReason> {
    return this.#done.promise;
  }
}
