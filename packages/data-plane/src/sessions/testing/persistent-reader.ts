import { KartaError, type KartaEvent } from '@karta/protocol';
import type { TestEngine } from './test-engine.ts';

/**
 * A client that follows a session for ever: it reconnects after the last event it has, and where
 * events are gone it goes on with the first that is kept. Fails when an event comes twice or one is
 * left out without a word.
 */
export class PersistentReader {
  readonly seen: KartaEvent[] = [];
  /** How often it was told that events are gone: it was not there when a process ended. */
  gaps = 0;
  readonly #sessionId: string;
  #cursor = 0;
  #abort = new AbortController();
  #reading: Promise<void> = Promise.resolve();
  #waiting: { seq: number; resolve: () => void }[] = [];
  #connected = Promise.withResolvers<void>();

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  attach(engine: TestEngine): void {
    this.#abort = new AbortController();
    this.#connected = Promise.withResolvers();
    this.#reading = this.#read(engine, this.#abort.signal);
    // Whoever detaches it hears what went wrong; nobody is there to hear it earlier.
    this.#reading.catch(() => {});
  }

  /** Cuts the connection; throws what went wrong while it was open. */
  async detach(): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  /** Resolves once it is connected, and so was told of a gap, and everything up to `seq` was read. */
  async reached(seq: number): Promise<void> {
    await Promise.race([this.#reading, this.#connected.promise]);
    if (this.#cursor >= seq) return;
    await Promise.race([
      this.#reading,
      new Promise<void>((resolve) => this.#waiting.push({ seq, resolve })),
    ]);
  }

  async #read(engine: TestEngine, signal: AbortSignal): Promise<void> {
    // A connection that is cut while it is being opened is answered by nobody.
    const cut = new Promise<readonly KartaEvent[]>((resolve) => {
      signal.addEventListener('abort', () => resolve([]), { once: true });
    });
    for (;;) {
      try {
        const query = { after: this.#cursor, signal };
        const events = await Promise.race([engine.follow(this.#sessionId, query), cut]);
        this.#connected.resolve();
        for await (const event of events) this.#take(event);
        return;
      } catch (error) {
        if (error instanceof OutOfOrder) throw error;
        if (signal.aborted || (KartaError.is(error) && error.code === 'shutting_down')) return;
        if (!KartaError.is(error) || error.code !== 'replay_expired') throw error;
        this.gaps += 1;
        this.#moveTo(Number(error.extra.first_seq) - 1);
      }
    }
  }

  #take(event: KartaEvent): void {
    if (event.seq !== this.#cursor + 1) {
      throw new OutOfOrder(`${event.seq} came after ${this.#cursor}`);
    }
    this.seen.push(event);
    this.#moveTo(event.seq);
  }

  #moveTo(seq: number): void {
    this.#cursor = seq;
    for (const waiting of this.#waiting) if (waiting.seq <= seq) waiting.resolve();
  }
}

class OutOfOrder extends Error {}
