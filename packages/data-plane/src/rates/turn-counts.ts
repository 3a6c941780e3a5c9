import { nameOf, type RateObject } from './rate-subject.ts';

/** How many turns run, by whom. As large as the turns that run, whatever is limited. */
export class TurnCounts {
  readonly #counts = new Map<string, number>();

  running(of: RateObject): number {
    return this.#counts.get(nameOf(of)) ?? 0;
  }

  /** Counts a turn on each of these until what this answers is called. */
  enter(subjects: readonly RateObject[]): () => void {
    const names = subjects.map(nameOf);
    for (const name of names) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      for (const name of names) {
        const left = (this.#counts.get(name) ?? 1) - 1;
        if (left === 0) this.#counts.delete(name);
        else this.#counts.set(name, left);
      }
    };
  }
}
