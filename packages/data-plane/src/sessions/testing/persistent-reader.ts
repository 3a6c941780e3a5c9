import { KartaError, type KartaEvent } from '@karta/protocol';
import type { TestEngine } from './test-engine.ts';

/**
 * A client that follows a session for ever: it reconnects after the last event it has, and where
 * events are gone it goes on with the first that is kept. Fails when an event comes twice or one is
 * left out without a word.
 */
export class PersistentReader {
  readonly seen: KartaEvent[] = [];
  readonly #sessionId: string;
  #cursor = 0;
  #abort = new AbortController();
  #reading: Promise<void> = Promise.resolve();
  #waiting: { seq: number; resolve: () => void }[] = [];

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  attach(engine: TestEngine): void {
    this.#abort = new AbortController();
    this.#reading = this.#read(engine, this.#abort.signal);
  }

  /** Cuts the connection; throws what went wrong while it was open. */
  async detach(): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  /** Resolves once everything up to `seq` was read. */
  async reached(seq: number): Promise<void> {
    if (this.#cursor >= seq) return;
    await Promise.race([
      this.#reading,
      new Promise<void>((resolve) => this.#waiting.push({ seq, resolve })),
    ]);
  }

  async #read(engine: TestEngine, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        for await (const event of await engine.follow(this.#sessionId, {
          after: this.#cursor,
          signal,
        })) {
          if (event.seq !== this.#cursor + 1) {
            throw new Error(`${event.seq} came after ${this.#cursor}`);
          }
          this.#cursor = event.seq;
          this.seen.push(event);
          for (const { seq, resolve } of this.#waiting) if (seq <= event.seq) resolve();
        }
        return;
      } catch (error) {
        if (!KartaError.is(error) || error.code !== 'replay_expired') throw error;
        this.#cursor = Number(error.extra.first_seq) - 1;
        for (const { seq, resolve } of this.#waiting) if (seq <= this.#cursor) resolve();
      }
    }
  }
}
