import type { Readable } from 'node:stream';
import type { KeyProvider, WireFamily } from '@karta/protocol';
import type { UpstreamKey } from '../keys/key-parts.ts';
import type { Route, RouteName } from '../wire/routes.ts';

/** Who answers model calls of a wire family. */
export interface Upstream {
  readonly id: 'demo' | KeyProvider;
  readonly families: readonly WireFamily[];
  /** Routes of its families that it has not; none when absent. */
  readonly lacks?: readonly RouteName[];
  /** Where calls go, without credentials; `embedded` for the demo model. */
  readonly endpoint: string;
  /**
   * Sends one call under `key` (`null` where none is needed) and resolves with the head of the
   * answer; the body follows as it comes. Aborting `signal` ends the call at any point. Rejects with
   * {@link UpstreamError} when no answer came. A provider that refuses the key is a reply of 401 or
   * 403.
   */
  send(call: ModelCall, key: UpstreamKey | null, signal: AbortSignal): Promise<ModelReply>;
  /**
   * How it names a model that others name so: what it is sent in the body, priced and booked as.
   * Absent: as it is.
   */
  nameOf?(model: string): string;
  /**
   * Asks for nothing but whether the key is taken, where no route of its family tells it. Costs
   * nothing; rejects as `send` does.
   */
  probe?(key: UpstreamKey, signal: AbortSignal): Promise<ProbeResult>;
  /** Frees idle connections. */
  close(): void;
}

/** A call of the sandbox, checked and freed of its credential. */
export interface ModelCall {
  route: Route;
  /** Headers that may reach a provider, lower-case. */
  headers: Readonly<Record<string, string>>;
  /** Empty for GET. */
  body: Buffer;
  /** The channel it came by: demo state is kept apart by it. */
  channelId: string;
}

export interface ModelReply {
  status: number;
  /** The provider's own, where `status` is another since its answer could not be passed on. */
  providerStatus?: number;
  /** Headers that may reach the sandbox, lower-case. */
  headers: Readonly<Record<string, string>>;
  /** All of the body, where it is there already; then nobody need read `body`. */
  whole?: Buffer | null;
  /** Errors when the answer breaks off. */
  readonly body: Readable;
}

/** What a provider says to a key alone. */
export interface ProbeResult {
  status: number;
  /** The key is good, but may not ask this; whether it may call models is not said. */
  knownOnly: boolean;
}

/** No answer came from the provider. The message holds neither keys nor addresses. */
export class UpstreamError extends Error {
  /** Whether the request may have reached the provider, and so may be billed. */
  readonly sent: boolean;
  constructor(message: string, options: { sent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'UpstreamError';
    this.sent = options.sent;
  }
}
