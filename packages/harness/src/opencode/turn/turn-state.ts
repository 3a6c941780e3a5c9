import type { HarnessEvent } from '../../port.ts';
import type { KnownEvent, MessagePart, NamedError, ServerEvent } from '../events/schema.ts';
import { AskBook, type OpenAsk } from './ask-book.ts';
import { bypassError } from './asks.ts';
import { BackgroundTasks } from './background-tasks.ts';
import type { Family } from './family.ts';
import { fileEvent, subAgentNotice } from './notices.ts';
import { Parts } from './parts.ts';
import { errorOf, exhaustedRetry, isRetryInVain, STOPPED_INSIDE } from './provider-error.ts';

type Properties<T> = Extract<KnownEvent, { type: T }>['properties'];

/** Why a turn must be stopped from outside. */
export type StopCause = 'bypassed' | 'retries';

export interface TurnSetup {
  family: Family;
  /** Where processes inside see `/workspace`. */
  workspace: string;
  thinking: boolean;
  /** Asks of earlier turns; shared by the turns of a session. */
  retiredAsks: Set<string>;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/**
 * One turn as the server's events tell of it: takes them in, gives out the harness events, knows
 * when all is done. Pure but for the clock it is given.
 */
export class TurnState {
  readonly asks: AskBook;
  readonly #setup: TurnSetup;
  readonly #parts: Parts;
  #out: HarnessEvent[] = [];
  #step = 0;
  #started = false;
  #failed = false;
  readonly #background = new BackgroundTasks();
  #budgetExhausted = false;
  #stop: StopCause | null = null;

  constructor(setup: TurnSetup) {
    this.#setup = setup;
    this.asks = new AskBook(setup.retiredAsks);
    this.#parts = new Parts(setup.family.root, setup.family.lastMessageId);
  }

  /** The message that began the turn, `null` before the server told of it. */
  get firstMessageId(): string | null {
    return this.#parts.firstMessageId;
  }

  /** The prompt has been taken up. */
  get started(): boolean {
    return this.#started;
  }

  /** An error was told: the turn ends with `error`. */
  get failed(): boolean {
    return this.#failed;
  }

  get budgetExhausted(): boolean {
    return this.#budgetExhausted;
  }

  /** Set when the turn must be stopped from outside. */
  get stop(): StopCause | null {
    return this.#stop;
  }

  /**
   * Nothing is under way any more: all sessions rest, no answer of the session is half written, no
   * result of a sub-agent in the background is outstanding; or the prompt failed before it began.
   */
  get finished(): boolean {
    const { root } = this.#setup.family;
    if (!this.#started) return this.#failed;
    if (!this.idle || this.#parts.hasOpenMessage(root)) return false;
    if (this.asks.stopping || this.#failed) return true;
    // A turn that was stopped says twice that it rests; the second time may be in this one.
    if (!this.#parts.hasAnswer(root)) return false;
    return this.#background.settled;
  }

  /** All sessions rest. */
  get idle(): boolean {
    return this.#started && this.#setup.family.idle;
  }

  /** Takes one event in. Returns what it means, in order. */
  accept(event: ServerEvent): HarnessEvent[] {
    if (event.type === 'unknown') this.#unknown(event);
    else this.#known(event, event.raw);
    this.#out.push(...this.asks.show((callId) => this.#parts.callInput(callId)));
    return this.#take();
  }

  /** Takes in what may have been missed while the stream of events was broken. */
  resync(events: readonly ServerEvent[]): HarnessEvent[] {
    const told = events.flatMap((event) => this.accept(event));
    this.#parts.breakTexts();
    return told;
  }

  /** Shows asks whose tool call never told its input. */
  showHiddenAsks(): HarnessEvent[] {
    this.#out.push(...this.asks.show((callId) => this.#parts.callInput(callId), true));
    return this.#take();
  }

  /** Answers that may go to the server now; each is given once. */
  takeAnswers(): OpenAsk[] {
    return this.asks.takeSendable((sessionId) => this.#parts.openCalls(sessionId));
  }

  /** The asks that nobody can answer any more, as resolutions. */
  dropAsks(): HarnessEvent[] {
    return this.asks.drop().map(({ request }) => ({
      type: 'ask_resolved',
      requestId: request.id,
      decision: 'deny',
      by: 'harness',
    }));
  }

  #take(): HarnessEvent[] {
    const events = this.#out;
    this.#out = [];
    return events;
  }

  #known(event: KnownEvent, raw: unknown): void {
    const { family } = this.#setup;
    switch (event.type) {
      case 'session.created': {
        const { id, parentID, agent } = event.properties.info;
        if (parentID === undefined || !family.has(parentID)) return;
        family.adopt(id, parentID, { agent: agent ?? null });
        return;
      }
      case 'session.status':
        this.#status(event.properties.sessionID, event.properties.status, raw);
        return;
      case 'session.error': {
        const { sessionID, error } = event.properties;
        if (sessionID === family.root && error !== undefined) this.#failedBy(error, raw);
        return;
      }
      case 'message.updated': {
        const { info } = event.properties;
        if (!family.has(info.sessionID)) return;
        family.sawMessage(info.sessionID, info.id);
        if (!this.#parts.message(info)) return;
        if (info.sessionID === family.root && info.error) this.#failedBy(info.error, raw);
        return;
      }
      case 'message.part.updated':
        if (this.#parts.has(event.properties.part.messageID)) {
          this.#part(event.properties.part, raw);
        }
        return;
      case 'message.part.delta':
        this.#delta(event.properties, raw);
        return;
      case 'permission.asked':
        if (family.has(event.properties.sessionID)) {
          this.asks.addPermission(event.properties, raw);
        }
        return;
      case 'question.asked':
        if (family.has(event.properties.sessionID)) this.asks.addQuestion(event.properties, raw);
        return;
      case 'permission.replied':
        this.#resolved(event.properties, event.properties.reply, raw);
        return;
      case 'question.replied':
        this.#resolved(event.properties, 'once', raw);
        return;
      case 'question.rejected':
        this.#resolved(event.properties, 'reject', raw);
        return;
      case 'server.instance.disposed':
        return;
      case 'file.watcher.updated':
        this.#out.push(...fileEvent(event.properties, this.#setup.workspace, raw));
        return;
    }
  }

  #unknown(event: Extract<ServerEvent, { type: 'unknown' }>): void {
    if (event.sessionID !== null && !this.#setup.family.has(event.sessionID)) return;
    const { name, properties, raw } = event;
    this.#out.push({ type: 'system', kind: name, detail: properties, raw });
  }

  #status(sessionId: string, status: Properties<'session.status'>['status'], raw: unknown): void {
    const { family, now } = this.#setup;
    if (!family.has(sessionId)) return;
    family.status(sessionId, status.type);
    if (sessionId === family.root && status.type !== 'idle') {
      this.#started = true;
      this.#background.resumed();
    }
    if (status.type !== 'retry') return;
    this.#out.push({ type: 'system', kind: 'provider_retry', message: status.message, raw });
    if (!isRetryInVain(status, now())) return;
    this.#fail({ ...exhaustedRetry(status.message), raw });
    this.#stop ??= 'retries';
  }

  #part(part: MessagePart, raw: unknown): void {
    const { family, thinking } = this.#setup;
    const own = part.sessionID === family.root;
    switch (part.type) {
      case 'tool': {
        const { state, callID: toolUseId } = part;
        const child = 'metadata' in state ? state.metadata?.sessionId : undefined;
        if (typeof child === 'string') {
          family.adopt(child, part.sessionID, { toolUseId });
          if (own) this.#background.called(part, child);
        }
        this.#out.push(...this.#parts.tool(part, raw));
        return;
      }
      case 'text':
      case 'reasoning': {
        const text = this.#parts.text(part);
        if (own && this.#parts.isFromUser(part.messageID)) this.#background.told(part);
        if (!this.#parts.isAnswer(part.messageID)) return;
        if (own) this.#say(part.type, text, raw);
        else if (part.time?.end !== undefined && text !== '') {
          const child = family.child(part.sessionID);
          if (part.type === 'text' || thinking) this.#out.push(subAgentNotice(part, child, raw));
        }
        return;
      }
      case 'step-start':
        if (own && this.#parts.isNew(part.id)) {
          this.#out.push({ type: 'step_start', index: this.#step, raw });
        }
        return;
      case 'step-finish': {
        if (!own || !this.#parts.isNew(part.id)) return;
        const result = part.reason === undefined ? {} : { result: part.reason };
        this.#out.push({ type: 'step_finish', index: this.#step, ...result, raw });
        this.#step += 1;
        return;
      }
      case 'other':
        return;
    }
  }

  #delta(delta: Properties<'message.part.delta'>, raw: unknown): void {
    if (delta.sessionID !== this.#setup.family.root || delta.field !== 'text') return;
    const kind = this.#parts.delta(delta.partID, delta.delta);
    if (kind !== null && this.#parts.isAnswer(delta.messageID)) this.#say(kind, delta.delta, raw);
  }

  #say(type: 'text' | 'reasoning', text: string, raw: unknown): void {
    if (text === '' || (type === 'reasoning' && !this.#setup.thinking)) return;
    this.#out.push({ type, text, raw });
  }

  #resolved(
    properties: { sessionID: string; requestID: string },
    reply: 'once' | 'always' | 'reject',
    raw: unknown,
  ): void {
    const { sessionID, requestID: requestId } = properties;
    if (!this.#setup.family.has(sessionID)) return;
    const { how, ask } = this.asks.resolved(requestId, sessionID, reply);
    if (how === 'expected') return;
    if (ask?.shown === true && ask.answer === null) {
      const decision = reply === 'reject' ? 'deny' : 'approve_once';
      this.#out.push({ type: 'ask_resolved', requestId, decision, by: 'harness', raw });
    }
    if (how === 'dropped' || this.#stop === 'bypassed') return;
    this.#stop = 'bypassed';
    this.#fail({ ...bypassError(requestId), raw });
  }

  #failedBy(error: NamedError, raw: unknown): void {
    if (error.name !== 'MessageAbortedError') this.#fail({ ...errorOf(error), raw });
    else if (!this.asks.stopping) this.#fail({ ...STOPPED_INSIDE, raw });
  }

  /** Only the first error is told: what follows it is its consequence. */
  #fail(error: Extract<HarnessEvent, { type: 'error' }>): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#budgetExhausted = error.code === 'budget_exhausted';
    this.#out.push(error);
  }
}
