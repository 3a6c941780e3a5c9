import { createHash } from 'node:crypto';
import { UpstreamError } from '../port.ts';
import type { GoogleToken } from './google-token.ts';

/** So long before its end a token is replaced, in ms. */
const RENEW_MS = 5 * 60_000;
/** And so long before its end it is used no more, whatever happens. */
const MARGIN_MS = 30_000;
/** A token that nobody uses is dropped after this long, in ms, as keys are. */
const UNUSED_MS = 60_000;
/** Tokens held at once; the one made longest ago is dropped first. */
const MAX_TOKENS = 20_000;

interface Held {
  token: string;
  /** On the clock of `now`. */
  until: number;
  lifeMs: number;
  dropping: NodeJS.Timeout;
}

/**
 * Tokens by the account that they are for, in memory alone. Each is asked for once however many
 * calls wait for it, and replaced before its end. Whoever asks must bring the account, so a token
 * serves nobody whose key is gone.
 */
export class TokenCache {
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();
  readonly #asked = new Map<string, Promise<string | null>>();

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * The token of an account, by the text of its file; `null`: the account is refused. `refused`: one
   * that is known to be worth nothing. Rejects as `fetch` does.
   */
  async of(
    account: string,
    fetch: () => Promise<GoogleToken | null>,
    refused: string | null = null,
  ): Promise<string | null> {
    const name = createHash('sha256').update(account).digest('base64');
    if (refused !== null && this.#held.get(name)?.token === refused) this.#drop(name);
    const held = this.#held.get(name);
    held?.dropping.refresh();
    if (held !== undefined && held.until - this.#now() > renewalOf(held)) return held.token;
    const asked = this.#asked.get(name) ?? this.#ask(name, fetch);
    return asked.catch((error: unknown) => {
      // What is held still counts for a while.
      const left = held === undefined ? 0 : held.until - this.#now();
      if (held !== undefined && left > MARGIN_MS && error instanceof UpstreamError) {
        return held.token;
      }
      throw error;
    });
  }

  clear(): void {
    for (const name of [...this.#held.keys()]) this.#drop(name);
  }

  #ask(name: string, fetch: () => Promise<GoogleToken | null>): Promise<string | null> {
    const began = this.#now();
    const asking = fetch().then((answer) => {
      this.#drop(name);
      if (answer !== null) this.#hold(name, answer, began);
      return answer?.token ?? null;
    });
    this.#asked.set(name, asking);
    const over = () => this.#asked.delete(name);
    asking.then(over, over);
    return asking;
  }

  #hold(name: string, { token, lifeS }: GoogleToken, began: number): void {
    const lifeMs = lifeS * 1_000;
    const dropping = setTimeout(() => this.#drop(name), UNUSED_MS).unref();
    this.#held.set(name, { token, until: began + lifeMs, lifeMs, dropping });
    const [oldest] = this.#held.keys();
    if (this.#held.size > MAX_TOKENS && oldest !== undefined) this.#drop(oldest);
  }

  #drop(name: string): void {
    clearTimeout(this.#held.get(name)?.dropping);
    this.#held.delete(name);
  }
}

/** A short life has a short end. */
function renewalOf({ lifeMs }: Held): number {
  return Math.max(MARGIN_MS, Math.min(RENEW_MS, lifeMs / 2));
}
