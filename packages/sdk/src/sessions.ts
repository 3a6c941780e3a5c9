import type { CreateSessionBody, Metadata, PatchSessionBody, Session } from '@karta/protocol';
import { listOf, type PagedList } from './page.ts';
import { SessionHandle } from './session-handle.ts';
import type { Transport } from './transport.ts';

export interface ListOptions {
  /** Each entry must equal the session's metadata value. */
  metadata?: Readonly<Record<string, string | number | boolean>>;
  status?: Session['status'];
  /** Sessions in one page. */
  limit?: number;
  signal?: AbortSignal;
}

/** A session just created or resumed: its state, and the handle to work with. */
export type OpenedSession = SessionHandle & { readonly created: Session };

/** The sessions of an org, or of one project. */
export class Sessions {
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, path: string) {
    this.#transport = transport;
    this.#path = path;
  }

  /**
   * Creates a session, or returns an existing one: by `session_id`, or by `match`, the newest that
   * has the same values under these metadata keys.
   */
  async create(
    body: CreateSessionBody = {},
    options: { signal?: AbortSignal } = {},
  ): Promise<OpenedSession> {
    const created = await this.#transport.json<Session>({
      method: 'POST',
      path: this.#path,
      json: body,
      signal: options.signal,
    });
    return Object.assign(this.open(created.id), { created });
  }

  /** A handle on a session whose id is known. Asks the server nothing. */
  open(id: string): SessionHandle {
    return new SessionHandle(this.#transport, this.#path, id);
  }

  /** The session's state. */
  get(id: string, options: { signal?: AbortSignal } = {}): Promise<Session> {
    return this.open(id).get(options);
  }

  update(
    id: string,
    change: PatchSessionBody,
    options: { signal?: AbortSignal } = {},
  ): Promise<Session> {
    return this.open(id).update(change, options);
  }

  end(id: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    return this.open(id).end(options);
  }

  /** Sessions, newest first: `for await (const session of karta.sessions.list())`. */
  list(options: ListOptions = {}): PagedList<Session> {
    const filters = metadataQuery(options.metadata ?? {});
    return listOf(this.#transport, this.#path, 'sessions', {
      ...options,
      query: { ...filters, status: options.status },
    });
  }
}

function metadataQuery(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [`metadata[${key}]`, String(value)]),
  );
}
