import type { AskAnswer, HarnessEvent, HarnessRun, HarnessSession, TurnInput } from '../port.ts';
import { DEFAULT_AGENT } from './app/detect.ts';
import { withAttachments } from './attachments.ts';
import { INSIDE } from './inside.ts';
import { FrameQueue } from './process/frame-queue.ts';
import { isConversationId, LiveClaude } from './process/live-claude.ts';
import { within } from './process/within.ts';
import type { ClaudeSdk } from './sdk-port.ts';
import { Asks } from './turn/asks.ts';
import type { AnyFrame } from './turn/frames.ts';
import { TurnEvents } from './turn/turn-events.ts';
import { TurnState } from './turn/turn-state.ts';

/** Answers of a healthy process to a control request come within some 10 ms. */
const CONTROL_MS = 15_000;
/** After the last task in the background: how soon the main loop goes on, if it does. Some 1 ms. */
const SETTLE_MS = 500;
/** Thinking of one model call, in tokens, for models that take a number; others think or not. */
const THINKING_TOKENS = 10_000;

type Item = { frame: AnyFrame } | { event: HarnessEvent };
type EventBatches = AsyncGenerator<readonly HarnessEvent[]>;

/** A conversation on one long-lived process. */
export class ClaudeSession implements HarnessSession {
  readonly exited: Promise<void>;
  readonly #live: LiveClaude;
  readonly #queue: FrameQueue<Item>;
  readonly #asks: Asks;
  readonly #workspace: string;
  /** The agent that the process runs; `undefined` when an earlier process chose it. */
  #agent: string | null | undefined;
  #thinking = false;
  #resumeId: string | null;
  #over = false;

  private constructor(run: HarnessRun, live: LiveClaude, queue: FrameQueue<Item>, asks: Asks) {
    this.#live = live;
    this.#queue = queue;
    this.#asks = asks;
    this.#workspace = run.sandbox.place(INSIDE.workspace);
    this.#resumeId = run.resumeId;
    const hasAgents = run.detection.agents.length > 1;
    this.#agent = run.resumeId !== null && hasAgents ? undefined : live.settings.agent;
    this.exited = live.ended.then(() => {
      this.#over = true;
      asks.dropAll();
      queue.close();
    });
  }

  static async open(
    run: HarnessRun,
    sdk: ClaudeSdk,
    options: { modelStallMs: number },
  ): Promise<ClaudeSession> {
    const queue = new FrameQueue<Item>();
    const asks = new Asks((event) => queue.pushNow({ event }));
    queue.drop(true);
    const live = await LiveClaude.start({
      run,
      sdk,
      ...options,
      canUseTool: asks.canUseTool,
      onFrame: (frame, bytes) => queue.push({ frame }, bytes),
    });
    // What comes until the first turn is held in bounds, then dropped: a flood waits outside.
    queue.drop(false);
    return new ClaudeSession(run, live, queue, asks);
  }

  get resumeId(): string | null {
    return this.#resumeId;
  }

  async *turn(input: TurnInput, signal: AbortSignal): EventBatches {
    let finished = false;
    try {
      for await (const events of this.#events(input, signal)) {
        finished = events.at(-1)?.type === 'end';
        yield events;
      }
    } finally {
      this.#asks.accept(false);
      // Nobody listens to the end of the turn: the process must not go on with it unseen.
      if (!finished) this.#kill();
    }
  }

  async answer(requestId: string, answer: AskAnswer): Promise<void> {
    this.#asks.answer(requestId, answer);
  }

  async close(): Promise<void> {
    this.#asks.accept(false);
    this.#queue.drop(true);
    await this.#live.close();
    await this.exited;
  }

  async *#events(input: TurnInput, signal: AbortSignal): EventBatches {
    this.#queue.drop(true);
    const failure = signal.aborted || this.#over ? null : await this.#configure(input);
    if (this.#over) return yield* this.#died(signal);
    if (signal.aborted) return yield [{ type: 'end', stopReason: 'cancelled' }];
    if (failure !== null) {
      return yield [
        { type: 'error', code: 'harness_failed', message: failure, retryable: false },
        { type: 'end', stopReason: 'error' },
      ];
    }
    this.#queue.drop(false);
    this.#asks.accept(true);
    this.#live.send(
      withAttachments(
        input.text,
        input.attachments.map(({ path }) => path),
      ),
    );
    this.#resumeId ??= this.#live.conversationId;
    const state = new TurnState();
    const onAbort = () => void this.#interrupt();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      yield* this.#follow(input, state, signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async *#follow(input: TurnInput, state: TurnState, signal: AbortSignal): EventBatches {
    const events = new TurnEvents({ thinking: input.thinking, workspace: this.#workspace });
    while (state.rest !== 'yes') {
      const items = await this.#queue.take(state.rest === 'settling' ? SETTLE_MS : undefined);
      if (items === 'timeout') break;
      if (items === null) return yield* this.#died(signal);
      const told = this.#told(items, state, events, signal);
      if (told.length > 0) yield told;
    }
    const stopReason = signal.aborted ? 'cancelled' : events.stopReason;
    yield [...(await this.#lastOfAsks()), { type: 'end', stopReason }];
  }

  /** Drops the asks that still wait: the process may rest before the SDK has heard of their end. */
  async #lastOfAsks(): Promise<HarnessEvent[]> {
    this.#asks.accept(false);
    const items = await this.#queue.take(0);
    if (items === null || items === 'timeout') return [];
    return items.flatMap((item) => ('event' in item ? [item.event] : []));
  }

  /** What these items tell: frames up to the one with which the turn comes to rest, and all asks. */
  #told(
    items: readonly Item[],
    state: TurnState,
    events: TurnEvents,
    signal: AbortSignal,
  ): readonly HarnessEvent[] {
    const told: HarnessEvent[] = [];
    for (const item of items) {
      if ('event' in item) {
        told.push(item.event);
        continue;
      }
      if (state.rest === 'yes') continue;
      const { frame } = item;
      if (frame.type === 'system' && state.take(frame)) {
        if (signal.aborted) this.#pressOn(state);
        continue;
      }
      if (frame.type === 'result') this.#note(frame);
      told.push(...events.of(frame));
    }
    return told;
  }

  /** Sets what differs from the last turn. Resolves to what went wrong, or `null`. */
  async #configure({ agent, thinking }: TurnInput): Promise<string | null> {
    const { query, settings } = this.#live;
    const wanted = agent === DEFAULT_AGENT ? settings.agent : agent;
    try {
      if (wanted !== this.#agent) {
        await this.#control(query.applyFlagSettings({ agent: wanted }));
        this.#agent = wanted;
      }
      if (thinking !== this.#thinking) {
        const [tokens, display] = thinking
          ? ([THINKING_TOKENS, 'summarized'] as const)
          : NO_THINKING;
        await this.#control(query.setMaxThinkingTokens(tokens, display));
        this.#thinking = thinking;
      }
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : 'the process refused its settings';
    }
  }

  #control<T>(request: Promise<T>): Promise<T> {
    const gone = this.exited.then(() => Promise.reject(new Error('Claude Code has ended')));
    return within(CONTROL_MS, 'Claude Code does not answer', Promise.race([request, gone]));
  }

  /** Interrupts the main loop and its sub-agents. A process that does not answer is killed. */
  async #interrupt(): Promise<void> {
    // The turn is still followed, to the end of the process.
    await this.#control(this.#live.query.interrupt()).catch(() => this.#live.kill());
  }

  /** A cancelled turn leaves nothing in the background, and does not go on when that ends. */
  #pressOn(state: TurnState): void {
    if (!state.loopIdle) void this.#interrupt();
    else {
      for (const task of state.tasks) {
        // A task that ends at this moment is not known any more, which is as good.
        void this.#control(this.#live.query.stopTask(task)).catch(() => {});
      }
    }
  }

  #kill(): void {
    this.#live.kill();
    // Its end is known only once all that it wrote has been read.
    this.#queue.drop(true);
  }

  /** A command such as `/clear` goes on under a new id. */
  #note(frame: AnyFrame): void {
    if (isConversationId(frame.session_id)) this.#resumeId = frame.session_id;
  }

  async *#died(signal: AbortSignal): EventBatches {
    const { broken, code } = await this.#live.ended;
    if (signal.aborted && broken === null) {
      return yield [{ type: 'end', stopReason: 'cancelled' }];
    }
    const message = broken
      ? `Claude Code was stopped: ${broken.message}.`
      : `Claude Code ended unexpectedly (code ${code ?? 'none'}).`;
    const cause = broken ? 'harness_protocol' : 'harness_exited';
    yield [
      { type: 'error', code: cause, message, retryable: true },
      { type: 'end', stopReason: 'error' },
    ];
  }
}

const NO_THINKING = [null, null] as const;
