import type { TurnInput } from '@karta/harness';
import {
  type EventBody,
  KartaError,
  type StopReason,
  TURN_ERRORS,
  type TurnErrorCode,
  type TurnPayer,
} from '@karta/protocol';
import type { Release } from '../control/port.ts';
import type { LiveHarness, RunnerEvent } from '../runner/port.ts';
import type { Engine } from './engine.ts';
import { bodyOf } from './event-body.ts';
import { DONE_TEXT_CHARS } from './limits.ts';
import type { LiveSession } from './live-session.ts';
import type { TurnUsage } from './port.ts';
import { TurnInputs } from './turn-inputs.ts';

/** Why a running turn is stopped from outside the harness. */
export type StopCause =
  | 'cancelled'
  | 'timeout'
  | 'shutdown'
  | 'bypassed'
  | 'revoked'
  | 'org_stopped'
  | 'unaccepted';

export interface TurnToRun {
  id: string;
  release: Release;
  /** Whom its model calls are for, beside the org. */
  payer: TurnPayer;
  input: TurnInput;
  /** Resolves when the turn is on disk, rejects when it cannot be; absent when it is there. */
  stored?: Promise<void>;
  /** Gives back its place among the turns that may run at the same time. */
  leave?: (() => void) | undefined;
}

export interface TurnOutcome {
  stopReason: StopReason;
  usage: TurnUsage | null;
  resumeId: string | null;
  text: string;
  /** Of the last error that was told, for a turn that did not end well. */
  errorCode: string | null;
}

type End = Extract<RunnerEvent, { type: 'end' }>;

/**
 * One turn in the harness, from the attach to its end. Publishes everything but the `done`, and
 * nothing before the turn is on disk: one that cannot be stored is stopped without a word.
 */
export class TurnRun {
  readonly id: string;
  /** Resolves when the turn's end is recorded and told. */
  readonly finished: Promise<void>;
  readonly #finish: () => void;
  readonly #engine: Engine;
  readonly #session: LiveSession;
  readonly #turn: TurnToRun;
  readonly #abort = new AbortController();
  readonly #stopped = Promise.withResolvers<null>();
  readonly #forced = Promise.withResolvers<null>();
  #cause: StopCause | null = null;
  #inputs: TurnInputs | null = null;
  /** Whether the turn is on disk; `null` while it is being written. */
  #accepted: boolean | null = true;
  readonly #acceptance: Promise<boolean>;
  #text = '';
  #errorCode: string | null = null;
  #over = false;
  #graceTimer: NodeJS.Timeout | undefined;

  constructor(engine: Engine, session: LiveSession, turn: TurnToRun) {
    this.id = turn.id;
    this.#engine = engine;
    this.#session = session;
    this.#turn = turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
    this.#acceptance = this.#whenStored(turn.stored);
  }

  markFinished(): void {
    this.#turn.leave?.();
    this.#finish();
  }

  get inputs(): TurnInputs | null {
    return this.#inputs;
  }

  /** Stops the turn. The first cause counts. A harness that does not end it is ended itself. */
  stop(cause: StopCause): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    this.#abort.abort();
    this.#stopped.resolve(null);
    this.#graceTimer = setTimeout(() => this.#forced.resolve(null), this.#engine.times.stopGrace);
  }

  async #whenStored(stored: Promise<void> | undefined): Promise<boolean> {
    if (stored === undefined) return true;
    this.#accepted = null;
    try {
      await stored;
      this.#accepted = true;
      return true;
    } catch {
      // Whoever sent the message is told by the same promise.
      this.#accepted = false;
      this.stop('unaccepted');
      return false;
    }
  }

  /** Never throws: whatever goes wrong is an error event and an outcome. */
  async run(): Promise<TurnOutcome> {
    let end: End | null = null;
    try {
      const harness = await this.#attach();
      if (harness !== null) end = await this.#runIn(harness);
    } catch (error) {
      await this.#failed(error);
      return this.#outcome('error', null);
    } finally {
      this.#over = true;
      clearTimeout(this.#graceTimer);
    }
    return this.#outcome(await this.#stopReason(end), end);
  }

  /** `null` when the turn was stopped first; the harness is then there for the next turn. */
  async #attach(): Promise<LiveHarness | null> {
    if (this.#cause === 'org_stopped') return null;
    const attached = this.#session.attach(this.#turn.release, (kind) => {
      if (!this.#over) this.#publishSoon({ type: 'system', data: { kind } });
    });
    const harness = await Promise.race([attached, this.#stopped.promise]);
    return this.#cause === null ? harness : null;
  }

  async #runIn(harness: LiveHarness): Promise<End | null> {
    this.#inputs = new TurnInputs(this.#engine, this.#session, this.id, harness);
    const allowed = this.#turn.release.config.maxTurnMs ?? this.#engine.times.turn;
    const clock = setTimeout(() => this.stop('timeout'), allowed);
    const unwatch = this.#session.events.watchRaw((wanted) => harness.showRaw(wanted));
    try {
      const driven = this.#drive(harness, this.#inputs);
      const end = await Promise.race([driven, this.#forced.promise]);
      if (end === null) {
        this.#over = true;
        driven.catch((error: unknown) => this.#log(error, 'a turn failed after it was given up'));
        await this.#engine.runner.hibernate(this.#session.id);
      }
      return end;
    } finally {
      clearTimeout(clock);
      unwatch();
      await this.#inputs.close();
    }
  }

  async #drive(harness: LiveHarness, inputs: TurnInputs): Promise<End | null> {
    const { payer, input } = this.#turn;
    const orgGrant = this.#engine.grantOf?.(this.#session.orgId) ?? null;
    const booked = { id: this.id, orgGrant, payer };
    for await (const events of harness.turn(booked, input, this.#abort.signal)) {
      const accepted = this.#accepted ?? (await this.#acceptance);
      for (const event of events) {
        if (this.#over) return null;
        if (event.type === 'end') return event;
        if (!accepted) continue;
        const published = this.#relay(event, inputs);
        // Text is published at once; waiting for nothing would cost each delta a turn of the loop.
        if (published !== undefined) await published;
      }
    }
    return null;
  }

  #relay(
    event: Exclude<RunnerEvent, { type: 'end' }>,
    inputs: TurnInputs,
  ): undefined | Promise<void> {
    if (event.type === 'ask') return inputs.ask(event);
    if (event.type === 'ask_resolved') {
      return inputs.resolvedInside(event).then((verdict) => {
        if (verdict === 'bypassed') this.stop('bypassed');
      });
    }
    if (event.type === 'reasoning' && !this.#turn.input.thinking) return undefined;
    if (event.type === 'error') this.#errorCode = event.code;
    if (event.type === 'text' && this.#text.length < DONE_TEXT_CHARS) this.#text += event.text;
    return this.#session.events.publish(this.id, bodyOf(event));
  }

  async #stopReason(end: End | null): Promise<StopReason> {
    const reason = end?.stopReason ?? 'error';
    if (this.#cause === null) {
      if (end === null) await this.#error('harness_exited', true);
      return reason;
    }
    // A turn that ended well in the very moment it was stopped has ended well.
    if (reason !== 'error' && reason !== 'cancelled') return reason;
    switch (this.#cause) {
      case 'cancelled':
        return 'cancelled';
      case 'timeout':
        await this.#error('turn_timeout', false);
        return 'timeout';
      case 'shutdown':
        await this.#error('turn_interrupted', true);
        return 'error';
      case 'bypassed':
        await this.#error('approval_bypassed', false);
        return 'error';
      case 'revoked':
        await this.#error('release_revoked', false);
        return 'error';
      case 'org_stopped':
        await this.#error('org_suspended', false);
        return 'error';
      case 'unaccepted':
        return 'error';
    }
  }

  async #failed(error: unknown): Promise<void> {
    if (KartaError.is(error) && error.code in TURN_ERRORS) {
      if (error.cause !== undefined) this.#log(error, 'a turn could not be run');
      await this.#error(error.code as TurnErrorCode, error.retryAfter !== undefined, error.message);
      return;
    }
    this.#log(error, 'a turn failed');
    await this.#error('internal', true);
  }

  async #error(code: TurnErrorCode, retryable: boolean, message?: string): Promise<void> {
    if (!(await this.#acceptance)) return;
    this.#errorCode = code;
    const data = { code, message: message ?? TURN_ERRORS[code], retryable };
    try {
      await this.#session.events.publish(this.id, { type: 'error', data });
    } catch (error) {
      this.#log(error, 'an error event could not be published');
    }
  }

  #publishSoon(body: EventBody): void {
    this.#acceptance
      .then((accepted) => (accepted ? this.#session.events.publish(this.id, body) : undefined))
      .catch((error: unknown) => this.#log(error, 'a notice could not be published'));
  }

  #outcome(stopReason: StopReason, end: End | null): TurnOutcome {
    const text = this.#text.slice(0, DONE_TEXT_CHARS).toWellFormed();
    const errorCode = this.#errorCode;
    return {
      stopReason,
      usage: end?.usage ?? null,
      resumeId: end?.resumeId ?? null,
      text,
      errorCode,
    };
  }

  #log(error: unknown, message: string): void {
    this.#engine.log.error({ err: error, session: this.#session.id, turn: this.id }, message);
  }
}
