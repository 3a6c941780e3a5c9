import type { Readable } from 'node:stream';
import type {
  CreateSessionBody,
  Decision,
  EgressLogAnswer,
  HistoryMessage,
  KartaEvent,
  PatchSessionBody,
  SendMessageBody,
  Session,
  SessionStatus,
  TurnUsageAnswer,
} from '@karta/protocol';
import type { FileList } from '@karta/sandbox';
import type { Principal, Project } from '../control/port.ts';

/**
 * Sessions as the HTTP routes see them. Every call names the caller; an object that is absent and
 * one that is another org's are the same `KartaError('not_found')`, from the same query.
 * Everything throws `KartaError` only.
 */
export interface SessionService {
  create(
    caller: Caller,
    project: Project,
    body: CreateSessionBody,
    remember?: Remember<{ id: string }>,
  ): Promise<{ session: Session; created: boolean }>;
  get(caller: Caller, sessionId: string): Promise<Session>;
  list(
    caller: Caller,
    query: ListQuery,
  ): Promise<{ sessions: Session[]; nextCursor: string | null }>;
  patch(caller: Caller, sessionId: string, body: PatchSessionBody): Promise<Session>;
  /** Ends the session: running turn cancelled, sandbox and volume gone, later calls 404. */
  end(caller: Caller, sessionId: string): Promise<void>;

  /** Accepts a message durably. The turn runs to its end whoever listens. */
  send(
    caller: Caller,
    sessionId: string,
    body: SendMessageBody,
    remember?: Remember<AcceptedTurn>,
  ): Promise<AcceptedTurn>;
  cancel(caller: Caller, sessionId: string): Promise<Session>;
  resolveInput(
    caller: Caller,
    sessionId: string,
    requestId: string,
    answer: { decision: Decision; message?: string | undefined },
  ): Promise<AcceptedTurn>;

  /**
   * Events with `seq > after`, then live ones, in order, each once. Throws
   * `KartaError('replay_expired')` with `extra.first_seq` when they are no longer kept. Ends when
   * the session ends, or as `until` says: at the `done` of the turn, or at its next pause or `done`.
   * Pull-driven: a slow reader slows nobody; one that falls out of what is kept has its iteration
   * throw `replay_expired`. `frameOf(event)` of `frame.ts` gives the SSE frame that all share.
   */
  events(caller: Caller, sessionId: string, query: EventQuery): Promise<EventFeed>;
  history(caller: Caller, sessionId: string): Promise<HistoryMessage[]>;

  listFiles(caller: Caller, sessionId: string, prefix?: string): Promise<FileList>;
  readFile(
    caller: Caller,
    sessionId: string,
    path: string,
  ): Promise<{ size: number; body: Readable }>;
  writeFile(
    caller: Caller,
    sessionId: string,
    path: string,
    body: Readable,
  ): Promise<{ size: number }>;
  removeFile(caller: Caller, sessionId: string, path: string): Promise<void>;
  /** Connections of the live sandbox to allowed hosts; none when there is no sandbox. */
  connections(caller: Caller, sessionId: string): Promise<EgressLogAnswer>;
}

/** Who calls and by which family: `project` is set on the project family and bounds what is seen. */
export interface Caller {
  principal: Principal;
  project: Project | null;
}

/**
 * An idempotency key that `IdempotencyStore.begin` found fresh. It is completed in the transaction
 * that makes the session or turn, so that no crash lets a repeated request make a second one.
 */
export interface Remember<T> {
  /** As in the key's scope. */
  route: string;
  key: string;
  /** What a repeat will be told. */
  status: number;
  objectIdOf(made: T): string;
}

export interface ListQuery {
  /** Each entry must equal the session's metadata value, compared as JSON scalars. */
  metadata: Readonly<Record<string, string>>;
  status?: SessionStatus | undefined;
  limit: number;
  cursor?: string | undefined;
}

export interface AcceptedTurn {
  turnId: string;
  /** Events of the turn (or after the resolution) have greater `seq`. */
  afterSeq: number;
  /** The agent that answers. */
  agent: string;
}

/** Events of a session for one reader. */
export interface EventFeed extends AsyncIterable<KartaEvent> {
  /**
   * The next event if it is there already, else `undefined`: whether more will come, the iterator
   * tells. Lets a reader of a flood take at once what has gathered.
   */
  ready?(): KartaEvent | undefined;
}

export interface EventQuery {
  after: number;
  until?: { turnId: string; at: 'done' | 'pause' } | undefined;
  /** Stop when aborted, within milliseconds. */
  signal: AbortSignal;
  /** Keep `raw` on events that come while somebody asks for it; replayed ones lack it. */
  raw: boolean;
}

export type TurnUsage = TurnUsageAnswer;
