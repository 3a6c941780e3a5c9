/**
 * Tokens that were used. Kept in two generations, each as long as a token can be believed: what is
 * in neither was never used, or has expired, and forgetting costs no scan.
 */
export class SeenTokens {
  readonly #lifetime: number;
  #recent = new Set<string>();
  #older = new Set<string>();
  #turnsAt = 0;

  /** `lifetime`: seconds after which a token is refused by itself. */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  /** Whether `id` is used for the first time; `now` in seconds. */
  firstTime(id: string, now: number): boolean {
    if (now >= this.#turnsAt) {
      this.#older = this.#recent;
      this.#recent = new Set();
      this.#turnsAt = now + this.#lifetime;
    }
    if (this.#recent.has(id) || this.#older.has(id)) return false;
    this.#recent.add(id);
    return true;
  }
}
