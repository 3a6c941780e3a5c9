/** Lets one task at a time through, in the order they came. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {
      // The caller has the failure; the next task only waits for its turn.
    });
    return result;
  }
}
