import type { DoorsControl } from '../control/port.ts';
import { KeyParts, type UpstreamKey } from './key-parts.ts';

/** A key is asked for again after this long, in ms, where no push came before. */
const FRESH_MS = 60_000;
/** That there is none is asked again after this long, in ms. */
const NONE_FRESH_MS = 5_000;
/** Keys held at once; those fetched longest ago are dropped first. */
const MAX_KEYS = 20_000;

interface Held {
  key: UpstreamKey | null;
  at: number;
}

/** The orgs' own keys, fetched when a call needs one and held in memory alone, for a minute. */
export class OwnKeys {
  readonly #control: Pick<DoorsControl, 'providerKey'>;
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();
  readonly #asked = new Map<string, Promise<UpstreamKey | null>>();

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(
    control: Pick<DoorsControl, 'providerKey'>,
    now: () => number = () => performance.now(),
  ) {
    this.#control = control;
    this.#now = now;
  }

  /**
   * The org's active key of a provider; `null` when it has none. Throws
   * `KartaError('control_unavailable')` when it is not held and nobody can be asked.
   */
  async of(orgId: string, provider: string, grant: string): Promise<UpstreamKey | null> {
    const name = nameOf(orgId, provider);
    const held = this.#held.get(name);
    const fresh = held?.key === null ? NONE_FRESH_MS : FRESH_MS;
    if (held !== undefined && this.#now() - held.at < fresh) return held.key;
    this.#held.delete(name);
    return this.#asked.get(name) ?? this.#ask(name, { orgId, provider, grant });
  }

  /** Drops the keys of these orgs; what is being fetched now is not held either. */
  forget(orgIds: readonly string[]): void {
    const gone = new Set(orgIds);
    for (const map of [this.#held, this.#asked]) {
      for (const name of map.keys()) if (gone.has(orgOf(name))) map.delete(name);
    }
  }

  /** Drops every key that is too old to be used: an org that makes no calls has none in memory. */
  sweep(): void {
    for (const [name, { at }] of this.#held) {
      if (this.#now() - at >= FRESH_MS) this.#held.delete(name);
    }
  }

  #ask(
    name: string,
    of: { orgId: string; provider: string; grant: string },
  ): Promise<UpstreamKey | null> {
    const asking = this.#control.providerKey(of.orgId, of.provider, of.grant).then((answer) => {
      const key = answer === null ? null : { ownId: answer.id, parts: new KeyParts(answer.secret) };
      if (this.#asked.get(name) === asking) this.#hold(name, key);
      return key;
    });
    this.#asked.set(name, asking);
    const over = () => {
      if (this.#asked.get(name) === asking) this.#asked.delete(name);
    };
    asking.then(over, over);
    return asking;
  }

  #hold(name: string, key: UpstreamKey | null): void {
    this.#held.set(name, { key, at: this.#now() });
    const [oldest] = this.#held.keys();
    if (this.#held.size > MAX_KEYS && oldest !== undefined) this.#held.delete(oldest);
  }
}

/** No id of an org has a space. */
function nameOf(orgId: string, provider: string): string {
  return `${orgId} ${provider}`;
}

function orgOf(name: string): string {
  return name.slice(0, name.indexOf(' '));
}
