/** Tries kept in memory; the least recently used is forgotten first. */
const KEPT = 10_000;

/** How often each scripted step was tried, for steps that refuse only their first tries. */
export class Attempts {
  private readonly counts = new Map<string, number>();

  /** Counts one more try under `key` and returns how many came before it. */
  next(key: string): number {
    const before = this.counts.get(key) ?? 0;
    this.counts.delete(key);
    this.counts.set(key, before + 1);
    if (this.counts.size > KEPT) {
      const oldest = this.counts.keys().next();
      if (!oldest.done) this.counts.delete(oldest.value);
    }
    return before;
  }
}
