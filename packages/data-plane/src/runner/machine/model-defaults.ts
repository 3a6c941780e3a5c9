import { PROVIDER_FAMILY, providerModelOf, type WireFamily } from '@karta/protocol';

/** What an application that names no model is given: the middle of each provider's range. */
const OPERATOR_DEFAULTS: Readonly<Record<WireFamily, string>> = {
  anthropic: 'claude-sonnet-4-5',
  openai: 'gpt-5',
};

/** A name with another provider than the family's own is kept whole: it says who is to answer. */
function isNamedOn(family: WireFamily, name: string): boolean {
  const provider = providerModelOf(name)?.provider;
  return provider !== undefined && provider !== family && PROVIDER_FAMILY[provider] === family;
}

/**
 * A model per family for applications that choose none: `[model] default` of the release, written
 * `family/model` or, for every family, `model`; else the operator's.
 */
export function modelDefaults(
  wanted: string | null,
  families: readonly WireFamily[],
): Partial<Record<WireFamily, string>> {
  const defaults: Partial<Record<WireFamily, string>> = {};
  for (const family of families) {
    const prefix = `${family}/`;
    if (wanted === null) defaults[family] = OPERATOR_DEFAULTS[family];
    else if (isNamedOn(family, wanted)) defaults[family] = wanted;
    else if (wanted.startsWith(prefix)) defaults[family] = wanted.slice(prefix.length);
    else if (!wanted.includes('/')) defaults[family] = wanted;
  }
  return defaults;
}
