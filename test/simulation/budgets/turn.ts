/** In which order pieces of work end: the one in which they entered. */
export class Turns {
  last: Promise<void> = Promise.resolve();
}

/** The turn of one piece of work. */
export class Turn {
  readonly #turns: Turns;
  #before: Promise<void> = Promise.resolve();
  #over: () => void = () => {};

  constructor(turns: Turns) {
    this.#turns = turns;
    this.enter();
  }

  /** Comes after all that have entered. */
  enter(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#before = this.#turns.last;
    this.#over = resolve;
    this.#turns.last = promise;
  }

  /** Resolves when all that entered before have left, and have gone on as far as they get alone. */
  async leave(): Promise<void> {
    await this.#before;
    setImmediate(this.#over);
  }
}
