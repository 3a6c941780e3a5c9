import { inspect } from 'node:util';

const HIDDEN = '[hidden]';

/**
 * The parts of a provider's key, by name. However it is printed, logged or serialised, it shows
 * nothing: only whoever asks for a part by its name gets it.
 */
export class KeyParts {
  readonly #parts: ReadonlyMap<string, string>;

  constructor(parts: Readonly<Record<string, string>>) {
    this.#parts = new Map(Object.entries(parts));
  }

  /** Throws an `Error` that names the part, and nothing of the key, when it has none. */
  part(name: string): string {
    const value = this.#parts.get(name);
    if (value === undefined) throw new Error(`a provider key has no ${name}`);
    return value;
  }

  /** A part that a key may lack; then `null`. */
  optional(name: string): string | null {
    return this.#parts.get(name) ?? null;
  }

  /** What must never be told on: every part. */
  all(): readonly string[] {
    return [...this.#parts.values()];
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}

/** What a call is made with. */
export interface UpstreamKey {
  /** `pkey_…` of an org's own; `null`: the platform's. */
  readonly ownId: string | null;
  readonly parts: KeyParts;
}

/** The operator's key of a provider. */
export function platformKey(apiKey: string): UpstreamKey {
  return { ownId: null, parts: new KeyParts({ api_key: apiKey }) };
}
