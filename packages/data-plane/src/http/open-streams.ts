import type { Principal } from '../control/port.ts';

/** The event streams that are open now, so that they can be ended in good order. */
export class OpenStreams {
  readonly #readers = new Map<() => void, Principal>();
  #closed = false;

  /** Registers a stream and whom it is for; `close` ends it. Returns what forgets it again. */
  add(close: () => void, principal: Principal): () => void {
    if (this.#closed) queueMicrotask(close);
    this.#readers.set(close, principal);
    return () => this.#readers.delete(close);
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Ends the streams of those that `refused` names. */
  closeWhere(refused: (principal: Principal) => boolean): void {
    for (const [close, principal] of [...this.#readers]) if (refused(principal)) close();
  }

  /** Ends every stream, and at once those that are still to come. Clients take up elsewhere. */
  closeAll(): void {
    this.#closed = true;
    for (const close of [...this.#readers.keys()]) close();
  }
}
