import type { AskAnswer, HarnessEvent } from '@karta/harness';
import { canonicalJson, type Decision, newId, type SessionStatus } from '@karta/protocol';
import { type Told, tell } from '../outbox/lifecycle.ts';
import type { LiveHarness } from '../runner/port.ts';
import { cleanName } from './clean.ts';
import { digestOf } from './digest.ts';
import type { Engine } from './engine.ts';
import { grantDigest, storeGrant } from './grants.ts';
import { insertInput, type NewInput, settleInput } from './input-store.ts';
import type { LiveSession } from './live-session.ts';

type Ask = Extract<HarnessEvent, { type: 'ask' }>;
type AskResolved = Extract<HarnessEvent, { type: 'ask_resolved' }>;

interface Pending {
  id: string;
  harnessId: string;
  tool: string;
  rule: string | null;
  grant: string;
  expiry: NodeJS.Timeout;
}

const MESSAGE_CHARS = 16 * 1024;
const DENIED = 'The user does not allow this. Go on without it.';
const EXPIRED = 'Nobody answered in time, so this is not allowed. Go on without it.';
/** What a question is answered with where nobody is there to answer. */
const NOBODY_THERE = 'Nobody can answer now. Decide yourself.';

/** The approvals of one running turn: asked, granted, answered, expired, dropped. */
export class TurnInputs {
  readonly #engine: Engine;
  readonly #session: LiveSession;
  readonly #turnId: string;
  readonly #harness: LiveHarness;
  readonly #pending = new Map<string, Pending>();
  /** Asks the platform has answered, by the harness's id. */
  readonly #answered = new Set<string>();
  /** Of the last ask, in ms since 1970: those of one millisecond keep their order all the same. */
  #askedAt = 0;

  constructor(engine: Engine, session: LiveSession, turnId: string, harness: LiveHarness) {
    this.#engine = engine;
    this.#session = session;
    this.#turnId = turnId;
    this.#harness = harness;
  }

  get waiting(): boolean {
    return this.#pending.size > 0;
  }

  #told({ id, kind, createdAt }: NewInput): Told | null {
    const { grantOf } = this.#engine;
    if (grantOf === undefined) return null;
    const { id: sessionId, orgId } = this.#session;
    const data = { turn_id: this.#turnId, request_id: id, kind };
    const type = 'input.required';
    return tell({ type, sessionId, about: id, data, at: createdAt }, grantOf(orgId));
  }

  /** Takes an ask of the harness: answers it by a grant or the mode, else stores it and waits. */
  async ask(ask: Ask): Promise<void> {
    const inputDigest = digestOf(canonicalJson(ask.input));
    const grant = grantDigest(ask.tool, ask.rule, inputDigest);
    const autonomous = this.#session.permissionMode === 'autonomous';
    if (autonomous || (ask.kind === 'permission' && this.#session.grants.has(grant))) {
      await this.#resolved(newId('input'), 'approve_once', 'platform');
      const message = ask.kind === 'question' ? NOBODY_THERE : '';
      this.#answer(ask.requestId, { decision: 'approve_once', message });
      return;
    }
    this.#askedAt = Math.max(Date.now(), this.#askedAt + 1);
    const createdAt = new Date(this.#askedAt);
    const input = {
      id: newId('input'),
      sessionId: this.#session.id,
      turnId: this.#turnId,
      kind: ask.kind,
      tool: cleanName(ask.tool),
      message: cleanName(ask.message, MESSAGE_CHARS),
      toolInput: ask.input,
      inputDigest,
      rule: ask.rule === null ? null : cleanName(ask.rule),
      options: ask.options,
      createdAt,
      expiresAt: new Date(createdAt.getTime() + this.#engine.times.inputExpiry),
    };
    await this.#session.mutex.run(async () => {
      await insertInput(this.#engine.database, input, this.#told(input));
      const expiry = setTimeout(() => void this.#expire(input.id), this.#engine.times.inputExpiry);
      expiry.unref();
      const { tool, rule } = ask;
      this.#pending.set(input.id, {
        id: input.id,
        harnessId: ask.requestId,
        tool,
        rule,
        grant,
        expiry,
      });
      await this.#session.events.publish(this.#turnId, {
        type: 'input_required',
        data: {
          request_id: input.id,
          kind: input.kind,
          tool: input.tool,
          message: input.message,
          tool_input: ask.input,
          options: [...ask.options],
        },
      });
    });
  }

  /**
   * Answers an input for `by`. Says `false` when it no longer waits. A grant for the session also
   * answers what else waits and is covered by it.
   */
  async resolve(
    id: string,
    answer: { decision: Decision; message?: string | undefined },
    by: string,
  ): Promise<boolean> {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    if (!(await this.#settle(pending, 'resolved', answer.decision, by))) return false;
    this.#answer(pending.harnessId, answerOf(answer));
    if (answer.decision !== 'approve_session') return true;
    this.#session.grants.add(pending.grant);
    await storeGrant(this.#engine.database, this.#session.id, {
      digest: pending.grant,
      tool: pending.tool,
      rule: pending.rule,
      by,
    });
    for (const other of [...this.#pending.values()]) {
      if (other.grant !== pending.grant) continue;
      if (await this.#settle(other, 'resolved', 'approve_once', 'platform')) {
        this.#answer(other.harnessId, { decision: 'approve_once', message: '' });
      }
    }
    return true;
  }

  /**
   * Takes word from the harness that an ask is over. Returns `bypassed` when it was approved and the
   * platform did not do so: something inside the sandbox answered it.
   */
  async resolvedInside(event: AskResolved): Promise<'fine' | 'bypassed'> {
    if (this.#answered.has(event.requestId)) return 'fine';
    const pending = [...this.#pending.values()].find(
      (candidate) => candidate.harnessId === event.requestId,
    );
    if (event.decision === 'approve_once') return 'bypassed';
    if (pending !== undefined) await this.#settle(pending, 'dropped', 'deny', 'harness');
    return 'fine';
  }

  /** The turn is ending: what still waits was dropped with it. The store records it with the end. */
  close(): Promise<void> {
    return this.#session.mutex.run(async () => {
      for (const pending of [...this.#pending.values()]) {
        clearTimeout(pending.expiry);
        this.#pending.delete(pending.id);
        await this.#resolved(pending.id, 'deny', 'harness');
      }
    });
  }

  async #expire(id: string): Promise<void> {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    try {
      if (!(await this.#settle(pending, 'expired', 'deny', 'platform'))) return;
      await this.#session.events.publish(this.#turnId, {
        type: 'error',
        data: {
          code: 'input_expired',
          message: 'An approval waited too long and was denied.',
          retryable: true,
        },
      });
      this.#answer(pending.harnessId, { decision: 'deny', message: EXPIRED });
    } catch (error) {
      this.#engine.log.error({ err: error, session: this.#session.id }, 'expiring an input failed');
    }
  }

  #settle(
    pending: Pending,
    state: 'resolved' | 'expired' | 'dropped',
    decision: Decision,
    by: string,
  ): Promise<boolean> {
    return this.#session.mutex.run(async () => {
      if (!this.#pending.has(pending.id)) return false;
      const status: SessionStatus = this.#pending.size > 1 ? 'awaiting_input' : 'running';
      const outcome = { state, decision, by };
      const input = { id: pending.id, sessionId: this.#session.id };
      if (!(await settleInput(this.#engine.database, input, outcome, status))) return false;
      clearTimeout(pending.expiry);
      this.#pending.delete(pending.id);
      await this.#resolved(pending.id, decision, by);
      return true;
    });
  }

  async #resolved(id: string, decision: Decision, by: string): Promise<void> {
    await this.#session.events.publish(this.#turnId, {
      type: 'input_resolved',
      data: { request_id: id, decision, by },
    });
  }

  #answer(harnessId: string, answer: AskAnswer): void {
    this.#answered.add(harnessId);
    this.#harness.answer(harnessId, answer).catch((error: unknown) => {
      // It no longer waits inside: the turn's own events tell how it went on.
      this.#engine.log.warn({ err: error, session: this.#session.id }, 'an answer came too late');
    });
  }
}

function answerOf(answer: { decision: Decision; message?: string | undefined }): AskAnswer {
  if (answer.decision !== 'deny') {
    return { decision: 'approve_once', message: answer.message ?? '' };
  }
  return { decision: 'deny', message: answer.message?.trim() ? answer.message : DENIED };
}
