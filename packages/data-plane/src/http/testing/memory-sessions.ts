import { Readable } from 'node:stream';
import {
  type CreateSessionBody,
  type Decision,
  type EventBody,
  isoTime,
  KartaError,
  type KartaEvent,
  mergeMetadata,
  messageIdOfTurn,
  NO_USAGE,
  newId,
  type PatchSessionBody,
  type PendingInput,
  type SendMessageBody,
  type Session,
  type StopReason,
} from '@karta/protocol';
import type { Project } from '../../control/port.ts';
import type {
  AcceptedTurn,
  Caller,
  EventQuery,
  ListQuery,
  Remember,
  SessionService,
} from '../../sessions/port.ts';
import { EventLog } from './event-log.ts';
import type { MemoryIdempotency } from './memory-idempotency.ts';

interface Held {
  orgId: string;
  project: Project;
  view: Session;
  log: EventLog;
  files: Map<string, Buffer>;
  /** Ends the running turn, if one runs. */
  stop: ((reason: StopReason) => void) | null;
  /** Resolves the pending input, by request id. */
  asked: Map<string, (decision: Decision) => void>;
}

/** What a message may be told to do, so that a test decides what a turn yields. */
export type TurnScript = readonly (EventBody | 'ask' | 'hang')[];

/**
 * Sessions in memory behind the session port: shows what HTTP makes of events that a test decides
 * on, which a real harness cannot be made to yield at will.
 */
export class MemorySessions implements SessionService {
  readonly held = new Map<string, Held>();
  readonly sent: SendMessageBody[] = [];
  /** What the next messages do; `null` answers with the words of the message. */
  script: TurnScript | null = null;
  readonly #keys: MemoryIdempotency;

  constructor(keys: MemoryIdempotency) {
    this.#keys = keys;
  }

  async create(
    caller: Caller,
    project: Project,
    body: CreateSessionBody,
    remember?: Remember<Session>,
  ) {
    if (body.session_id !== undefined) {
      return { session: await this.get(caller, body.session_id), created: false };
    }
    if (project.activeReleaseId === null) throw new KartaError('no_active_release');
    const now = isoTime(new Date());
    const view: Session = {
      id: newId('session'),
      metadata: mergeMetadata({}, body.metadata ?? {}),
      current_agent: 'default',
      status: 'active',
      created_at: now,
      updated_at: now,
      parent_id: null,
      pending_input: null,
      pending_inputs: [],
      permission_mode: null,
      participants: [],
      isolation: null,
    };
    const { orgId } = caller.principal;
    const log = new EventLog(view.id);
    this.held.set(view.id, {
      orgId,
      project,
      view,
      log,
      files: new Map(),
      stop: null,
      asked: new Map(),
    });
    this.#keys.remember(caller, remember, view);
    return { session: await this.get(caller, view.id), created: true };
  }

  async get(caller: Caller, sessionId: string): Promise<Session> {
    const { view, project } = this.#find(caller, sessionId);
    const block = { ref: project.ref, project_id: project.id, version: 'v1' };
    return caller.project === null ? { ...view } : { ...view, project: block };
  }

  async list(caller: Caller, query: ListQuery) {
    const mine = [...this.held.values()].filter(
      (held) =>
        held.orgId === caller.principal.orgId &&
        (caller.project === null || held.project.id === caller.project.id) &&
        (query.status === undefined || held.view.status === query.status) &&
        Object.entries(query.metadata).every(
          ([key, value]) => String(held.view.metadata[key]) === value,
        ),
    );
    const from = Number(query.cursor ?? 0);
    const page = mine.reverse().slice(from, from + query.limit);
    const next = from + page.length;
    return {
      sessions: await Promise.all(page.map((held) => this.get(caller, held.view.id))),
      nextCursor: next < mine.length ? String(next) : null,
    };
  }

  async patch(caller: Caller, sessionId: string, body: PatchSessionBody): Promise<Session> {
    const { view } = this.#find(caller, sessionId);
    view.metadata = mergeMetadata(view.metadata, body.metadata ?? {});
    view.current_agent = body.current_agent ?? view.current_agent;
    view.permission_mode = body.permission_mode ?? view.permission_mode;
    return this.get(caller, sessionId);
  }

  async end(caller: Caller, sessionId: string): Promise<void> {
    const held = this.#find(caller, sessionId);
    held.stop?.('cancelled');
    this.held.delete(sessionId);
    held.log.end();
  }

  async send(
    caller: Caller,
    sessionId: string,
    body: SendMessageBody,
    remember?: Remember<AcceptedTurn>,
  ): Promise<AcceptedTurn> {
    const held = this.#find(caller, sessionId);
    if (held.view.status === 'ended') throw new KartaError('session_ended');
    if (held.stop !== null && body.if_busy === 'reject') throw new KartaError('session_busy');
    this.sent.push(body);
    const agent = body.agent ?? held.view.current_agent;
    const turn = { turnId: newId('turn'), afterSeq: held.log.lastSeq, agent };
    this.#keys.remember(caller, remember, turn);
    const words = body.text.split(/(?<= )/).map((text) => said(text));
    void this.#run(held, turn.turnId, this.script ?? words);
    return turn;
  }

  async cancel(caller: Caller, sessionId: string): Promise<Session> {
    this.#find(caller, sessionId).stop?.('cancelled');
    return this.get(caller, sessionId);
  }

  async resolveInput(
    caller: Caller,
    sessionId: string,
    requestId: string,
    answer: { decision: Decision },
  ): Promise<AcceptedTurn> {
    const held = this.#find(caller, sessionId);
    const resolve = held.asked.get(requestId);
    const asked = held.view.pending_inputs.find((input) => input.request_id === requestId);
    if (resolve === undefined) throw new KartaError('not_found');
    if (asked === undefined) throw new KartaError('input_already_resolved');
    const accepted = {
      turnId: asked.turn_id,
      afterSeq: held.log.lastSeq,
      agent: held.view.current_agent,
    };
    resolve(answer.decision);
    return accepted;
  }

  async events(
    caller: Caller,
    sessionId: string,
    query: EventQuery,
  ): Promise<AsyncIterable<KartaEvent>> {
    return this.#find(caller, sessionId).log.open(query);
  }

  async history() {
    return [];
  }

  async listFiles(caller: Caller, sessionId: string, prefix = '') {
    const { files } = this.#find(caller, sessionId);
    const paths = [...files.keys()].filter((path) => path.startsWith(prefix)).sort();
    return {
      files: paths.map((path) => ({
        path,
        size: files.get(path)?.length ?? 0,
        modified_at: isoTime(new Date(0)),
        kind: 'file' as const,
      })),
      truncated: false,
    };
  }

  async readFile(caller: Caller, sessionId: string, path: string) {
    const bytes = this.#find(caller, sessionId).files.get(path);
    if (bytes === undefined) throw new KartaError('not_found');
    return { size: bytes.length, body: Readable.from([bytes], { objectMode: false }) };
  }

  async writeFile(caller: Caller, sessionId: string, path: string, body: Readable) {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    this.#find(caller, sessionId).files.set(path, bytes);
    return { size: bytes.length };
  }

  async removeFile(caller: Caller, sessionId: string, path: string): Promise<void> {
    if (!this.#find(caller, sessionId).files.delete(path)) throw new KartaError('not_found');
  }

  #find(caller: Caller, sessionId: string): Held {
    const held = this.held.get(sessionId);
    const visible =
      held !== undefined &&
      held.orgId === caller.principal.orgId &&
      (caller.project === null || held.project.id === caller.project.id);
    if (!visible) throw new KartaError('not_found');
    return held;
  }

  async #run(held: Held, turnId: string, script: TurnScript): Promise<void> {
    const stopped = Promise.withResolvers<StopReason>();
    held.stop = stopped.resolve;
    held.view.status = 'running';
    let text = '';
    let reason: StopReason = 'end_turn';
    for (const step of script) {
      if (step === 'hang') {
        reason = await stopped.promise;
        break;
      }
      if (step === 'ask') {
        if ((await this.#ask(held, turnId)) === 'deny') break;
        continue;
      }
      held.log.push(turnId, step);
      if (step.type === 'text') text += step.data.part.text;
      if (step.type === 'error') reason = 'error';
    }
    held.stop = null;
    held.view.status = 'active';
    const message = { id: messageIdOfTurn(turnId), role: 'assistant' as const, text };
    const data = { stop_reason: reason, usage: NO_USAGE, cost: null, message };
    held.log.push(turnId, { type: 'done', data });
  }

  async #ask(held: Held, turnId: string): Promise<Decision> {
    const asked = {
      request_id: newId('input'),
      kind: 'permission' as const,
      tool: 'bash',
      message: 'May I?',
      tool_input: { command: 'ls' },
      options: [],
    };
    const now = new Date();
    const pending: PendingInput = {
      ...asked,
      turn_id: turnId,
      created_at: isoTime(now),
      expires_at: isoTime(now),
    };
    const { promise, resolve } = Promise.withResolvers<Decision>();
    held.asked.set(asked.request_id, resolve);
    held.view.pending_inputs = [pending];
    held.view.pending_input = pending;
    held.view.status = 'awaiting_input';
    held.log.push(turnId, { type: 'input_required', data: asked });
    const decision = await promise;
    held.view.pending_inputs = [];
    held.view.pending_input = null;
    held.view.status = 'running';
    const data = { request_id: asked.request_id, decision, by: 'key_1' };
    held.log.push(turnId, { type: 'input_resolved', data });
    return decision;
  }
}

/** A chunk of text. */
export function said(text: string): EventBody {
  return { type: 'text', data: { part: { type: 'text', text } } };
}
