import type { PromptBeginning } from '../wire/prompt-beginnings.ts';

/** Orgs of which counts are kept; those that called longest ago are forgotten. */
export const COUNTED_ORGS = 500;
/** Counts kept of one org; those that served longest ago are forgotten. */
export const COUNTS_PER_ORG = 1_000;
/** Beginnings of one prompt that are kept: so many of the shortest, and of the longest. */
const SHORTEST = 16;
const LONGEST = 2;
/** How often a call that no cap rules is looked at, of one org and model, in milliseconds. */
export const LEARN_MS = 5_000;
/** The longest body that is looked at without need, in bytes. */
export const LEARN_BYTES = 1024 ** 2;
/** Models of one org of which it is known when a call was looked at. */
const MODELS = 32;
/** A provider that counts fewer tokens than one for so many bytes is not believed: it counts as this. */
export const MOST_BYTES_A_TOKEN = 16;

/**
 * What providers have counted for beginnings of prompts. A harness sends the same instructions and
 * the same conversation again with each call, so the next call's input is known but for what is new.
 * Without that each of its bytes would have to count as a token, which is three or four times as
 * much, and near a cap calls would be refused that it covers.
 *
 * A prompt has no fewer tokens than any beginning of it, but for thoughts that are dropped later, so
 * of each beginning the least counts that was told for a call that begins so.
 */
export class CountedPrompts {
  readonly #orgs = new Map<string, CountsOfOrg>();

  /**
   * More tokens than the input of such a call can be, `rest` of them for what was not counted; `null`
   * where nothing of it was.
   */
  bound(
    org: string,
    provider: string,
    beginnings: readonly PromptBeginning[],
  ): { tokens: number; rest: number } | null {
    const counts = this.#orgs.get(org)?.counts;
    if (counts === undefined) return null;
    let least: { tokens: number; rest: number } | null = null;
    let best = '';
    for (const { digest, rest } of beginnings) {
      const key = keyOf(provider, digest);
      const count = counts.get(key);
      if (count === undefined || (least !== null && count + rest >= least.tokens)) continue;
      least = { tokens: count + rest, rest };
      best = key;
    }
    if (least !== null) renew(counts, best, counts.get(best) ?? 0);
    return least;
  }

  /** Whether a call that no cap rules should be looked at, for one that a cap will rule. */
  wants(org: string, model: string, bytes: number): boolean {
    if (bytes > LEARN_BYTES) return false;
    const { lookedAt } = this.#of(org);
    const now = performance.now();
    const before = lookedAt.get(model);
    if (before !== undefined && now - before < LEARN_MS) return false;
    renew(lookedAt, model, now, MODELS);
    return true;
  }

  /** A provider has told the tokens of a call's input. `bounded`: what it was sent with. */
  counted(
    org: string,
    provider: string,
    beginnings: readonly PromptBeginning[],
    { tokens, bounded }: { tokens: number; bounded: number },
  ): void {
    const { counts } = this.#of(org);
    // Then it counts differently from one call to the next, and what it said before is worth nothing.
    const wrong = tokens > bounded;
    for (const [index, { digest, bytes, uncounted }] of beginnings.entries()) {
      const kept = index < SHORTEST || index >= beginnings.length - LONGEST;
      if (!kept && !wrong) continue;
      const key = keyOf(provider, digest);
      const known = wrong ? undefined : counts.get(key);
      const told = Math.max(tokens + uncounted, Math.ceil(bytes / MOST_BYTES_A_TOKEN));
      renew(counts, key, Math.min(told, known ?? told), COUNTS_PER_ORG);
    }
  }

  #of(org: string): CountsOfOrg {
    const of = this.#orgs.get(org) ?? { counts: new Map(), lookedAt: new Map() };
    renew(this.#orgs, org, of, COUNTED_ORGS);
    return of;
  }
}

interface CountsOfOrg {
  counts: Map<string, number>;
  /** By model: the time of this process, in milliseconds. */
  lookedAt: Map<string, number>;
}

function keyOf(provider: string, digest: string): string {
  return `${provider} ${digest}`;
}

/** Sets what was used last; the one used longest ago makes room. */
function renew<Value>(
  map: Map<string, Value>,
  key: string,
  value: Value,
  most = Number.POSITIVE_INFINITY,
): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
