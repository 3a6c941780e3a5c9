import type {
  Attachment,
  Decision,
  HistoryMessage,
  KartaEvent,
  MessageAnswer,
  PatchSessionBody,
  Session,
} from '@karta/protocol';
import { eventFrames } from './event-frames.ts';
import { SessionFiles } from './files.ts';
import { resume } from './resume.ts';
import type { Transport } from './transport.ts';
import { TurnStream } from './turn-stream.ts';

export interface SendOptions {
  /** One of the application's agents. */
  agent?: string;
  /** Receive the model's reasoning. */
  thinking?: boolean;
  /** What to do when a turn runs already. Default `queue`. */
  ifBusy?: 'queue' | 'reject' | 'interrupt';
  participantName?: string;
  participantType?: 'human' | 'ai';
  attachments?: Attachment[];
  signal?: AbortSignal;
}

/** The answer to an approval: what happened up to the next pause or the end of the turn. */
export interface ResolvedInput {
  events: KartaEvent[];
  session: Session;
}

/** A session: a conversation with one application, held by the server. Cheap to make from an id. */
export class SessionHandle {
  readonly id: string;
  /** Files in the session's workspace. */
  readonly files: SessionFiles;
  /** Answers to what the agent asks before it acts. */
  readonly inputs: {
    resolve(
      requestId: string,
      decision: Decision,
      options?: { message?: string; signal?: AbortSignal },
    ): Promise<ResolvedInput>;
  };
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, sessionsPath: string, id: string) {
    this.id = id;
    this.#transport = transport;
    this.#path = `${sessionsPath}/${encodeURIComponent(id)}`;
    this.files = new SessionFiles(transport, this.#path);
    this.inputs = {
      resolve: (requestId, decision, options = {}) =>
        transport.json({
          method: 'PUT',
          path: `${this.#path}/inputs/${encodeURIComponent(requestId)}`,
          json: {
            decision,
            ...(options.message === undefined ? {} : { message: options.message }),
          },
          signal: options.signal,
          // The first attempt may have answered it; a second would be refused as answered.
          repeat: 'unsafe',
        }),
    };
  }

  /** Sends a message and waits for the turn to end, or to pause for an approval. */
  send(text: string, options: SendOptions = {}): Promise<MessageAnswer> {
    return this.#transport.json({
      method: 'POST',
      path: `${this.#path}/messages`,
      json: { ...messageBody(text, options), stream: false },
      signal: options.signal,
    });
  }

  /** Sends a message and yields the turn's events as they happen. */
  stream(text: string, options: SendOptions = {}): TurnStream {
    return new TurnStream({
      transport: this.#transport,
      sessionPath: this.#path,
      body: messageBody(text, options),
      signal: options.signal,
    });
  }

  /**
   * Follows the session across turns: the events after `after` (default 0, all that are kept), then
   * new ones, until the session ends or the iteration is left.
   */
  events(options: { after?: number; signal?: AbortSignal } = {}): AsyncGenerator<KartaEvent> {
    const signal = options.signal ?? new AbortController().signal;
    return resume({
      transport: this.#transport,
      signal,
      open: (last) => {
        const after = String(last ?? options.after ?? 0);
        return this.#transport.send({
          method: 'GET',
          path: `${this.#path}/events`,
          query: { after },
          headers: { accept: 'text/event-stream', 'last-event-id': after },
          signal,
        });
      },
      read: eventFrames,
      wanted: () => true,
      ends: () => false,
      endsWithStream: false,
    });
  }

  /** Ends the running turn with `stop_reason: "cancelled"`. Fine when none runs. */
  cancel(options: { signal?: AbortSignal } = {}): Promise<Session> {
    return this.#transport.json({
      method: 'POST',
      path: `${this.#path}/cancel`,
      json: {},
      signal: options.signal,
    });
  }

  /** The conversation so far, from the agent's own store. */
  async history(options: { signal?: AbortSignal } = {}): Promise<HistoryMessage[]> {
    const answer = await this.#transport.json<{ messages: HistoryMessage[] }>({
      method: 'GET',
      path: `${this.#path}/messages`,
      signal: options.signal,
    });
    return answer.messages;
  }

  /** The session's state now. */
  get(options: { signal?: AbortSignal } = {}): Promise<Session> {
    return this.#transport.json({ method: 'GET', path: this.#path, signal: options.signal });
  }

  update(change: PatchSessionBody, options: { signal?: AbortSignal } = {}): Promise<Session> {
    return this.#transport.json({
      method: 'PATCH',
      path: this.#path,
      json: change,
      signal: options.signal,
    });
  }

  /** Ends the session and destroys its workspace. */
  async end(options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#transport.json({
      method: 'DELETE',
      path: this.#path,
      signal: options.signal,
      goneIsDone: true,
    });
  }
}

function messageBody(text: string, options: SendOptions): Record<string, unknown> {
  return {
    text,
    ...(options.agent === undefined ? {} : { agent: options.agent }),
    ...(options.thinking === undefined ? {} : { thinking: options.thinking }),
    ...(options.ifBusy === undefined ? {} : { if_busy: options.ifBusy }),
    ...(options.participantName === undefined ? {} : { participant_name: options.participantName }),
    ...(options.participantType === undefined ? {} : { participant_type: options.participantType }),
    ...(options.attachments === undefined ? {} : { attachments: options.attachments }),
  };
}
