import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * An HTTP agent whose connections come from `dial`, for peers that no host address leads to. It
 * keeps connections for reuse, and drops one on which bytes arrive that nobody asked for.
 */
export class ChannelAgent extends Agent {
  readonly #dial: () => Promise<Duplex>;

  constructor(dial: () => Promise<Duplex>, options: { maxSockets: number }) {
    super({ ...options, keepAlive: true });
    this.#dial = dial;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#dial().then(
      (stream) => callback?.(null, likeSocket(stream)),
      // Node's declaration wants a stream beside the error; its caller looks at the error alone.
      (error: unknown) => callback?.(asError(error), undefined as unknown as Duplex),
    );
  }
}

/** What the agent calls on a connection to keep it, and a channel that is no socket may lack. */
const SOCKET_ONLY = ['ref', 'unref', 'setKeepAlive', 'setNoDelay', 'setTimeout'] as const;

function likeSocket(stream: Duplex): Duplex {
  for (const name of SOCKET_ONLY) {
    if (!(name in stream)) Object.defineProperty(stream, name, { value: () => stream });
  }
  return stream;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the channel cannot be opened');
}
