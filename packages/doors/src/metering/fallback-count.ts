import type { TurnUsageAnswer } from '@karta/protocol';

/** A model and who offers it. */
export interface ModelNames {
  provider: string;
  model: string;
}

/** Pairs of models that a turn tells of; more are no application's doing. */
const MAX_PAIRS = 20;

/** Which models answered in place of others, and how often. */
export class FallbackCount {
  readonly #pairs = new Map<string, TurnUsageAnswer['fallbacks'][number]>();

  add(asked: ModelNames, served: ModelNames): void {
    const names = [asked.provider, asked.model, served.provider, served.model];
    const key = JSON.stringify(names);
    const known = this.#pairs.get(key);
    if (known !== undefined) known.calls += 1;
    else if (this.#pairs.size < MAX_PAIRS) {
      this.#pairs.set(key, { ...served, instead_of: asked, calls: 1 });
    }
  }

  told(): TurnUsageAnswer['fallbacks'] {
    return [...this.#pairs.values()];
  }
}
