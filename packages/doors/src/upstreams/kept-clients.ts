import { buildConnector, Client } from 'undici';
import { UPSTREAM_CONNECT_MS, UPSTREAM_KEEP_MS } from '../limits.ts';

/** A client of one connection, which serves one call at a time. */
export interface KeptClient {
  readonly client: Client;
  /** Whether its connection has served a call before. */
  served: boolean;
}

/** How connections are made, and how long they may be silent. */
export interface ClientOptions {
  connect: buildConnector.connector | undefined;
  /** Of a provider that owes an answer or more of one, in ms. */
  silenceMs: number;
}

/** Straight to where the name leads. */
const straight = () => buildConnector({ timeout: UPSTREAM_CONNECT_MS, allowH2: false });

/**
 * The connections to one server: as many as there are calls, each kept for the next one. undici's own
 * pool does not say whether a connection is new, and keeps what it opened for a burst for ever.
 */
export class KeptClients {
  readonly #origin: string;
  readonly #options: Client.Options;
  /** The one used last is taken first, so that those of a burst grow old. */
  readonly #idle: KeptClient[] = [];
  #closed = false;

  constructor(origin: string, { connect = straight(), silenceMs }: ClientOptions) {
    this.#origin = origin;
    this.#options = {
      connect,
      allowH2: false,
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      keepAliveTimeout: UPSTREAM_KEEP_MS,
    };
  }

  /** For one call. It connects by itself where its connection is gone. */
  take(): KeptClient {
    return this.#idle.pop() ?? this.open();
  }

  /** As `take`, but certainly not connected yet. */
  open(): KeptClient {
    const client = new Client(this.#origin, this.#options);
    const kept: KeptClient = { client, served: false };
    client.on('connect', () => {
      kept.served = false;
    });
    client.on('disconnect', () => {
      const at = this.#idle.indexOf(kept);
      if (at !== -1) this.#idle.splice(at, 1);
    });
    return kept;
  }

  /** Its call had a whole answer: it may serve the next one. */
  release(kept: KeptClient): void {
    kept.served = true;
    if (this.#closed) void kept.client.close();
    else this.#idle.push(kept);
  }

  /** Ends idle connections; those in use end with their calls. */
  close(): void {
    this.#closed = true;
    for (const { client } of this.#idle.splice(0)) client.destroy();
  }
}
