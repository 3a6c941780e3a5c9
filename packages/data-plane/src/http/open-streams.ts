/** The event streams that are open now, so that a server that stops can end them in good order. */
export class OpenStreams {
  readonly #closers = new Set<() => void>();
  #closed = false;

  /** Registers a stream; `close` ends it. Returns what forgets it again. */
  add(close: () => void): () => void {
    if (this.#closed) queueMicrotask(close);
    this.#closers.add(close);
    return () => this.#closers.delete(close);
  }

  get size(): number {
    return this.#closers.size;
  }

  /** Ends every stream, and at once those that are still to come. Clients take up elsewhere. */
  closeAll(): void {
    this.#closed = true;
    for (const close of [...this.#closers]) close();
  }
}
