import { z } from 'zod';
import type { WireFamily } from './internal/channels.ts';
import { KEY_PROVIDERS, type KeyProvider } from './management/provider-keys.ts';

/** Models that an application may name for when its own does not answer. */
export const MODEL_FALLBACKS = 8;

/** The wire that each provider speaks. */
export const PROVIDER_FAMILY: Readonly<Record<KeyProvider, WireFamily>> = {
  anthropic: 'anthropic',
  bedrock: 'anthropic',
  vertex: 'anthropic',
  openai: 'openai',
  openrouter: 'openai',
  'openai-compatible': 'openai',
};

/** A model of one provider. */
export interface ProviderModel {
  provider: KeyProvider;
  /** As the provider names it. */
  model: string;
}

/** Reads `provider/model`; `null` for a name that begins with no provider. */
export function providerModelOf(name: string): ProviderModel | null {
  const slash = name.indexOf('/');
  const provider = KEY_PROVIDERS.find((known) => known === name.slice(0, slash));
  if (provider === undefined || slash === name.length - 1) return null;
  return { provider, model: name.slice(slash + 1) };
}

/** What `[model] fallback` names: models with their provider, in the order in which they are tried. */
export const modelFallback = z
  .array(
    z
      .string()
      .max(200)
      .regex(/^[\w.:@/-]+$/, 'is no name of a model')
      .refine((name) => providerModelOf(name) !== null, {
        error: `must be provider/model, with a provider of ${KEY_PROVIDERS.join(', ')}`,
      }),
  )
  .max(MODEL_FALLBACKS, `at most ${MODEL_FALLBACKS} models`);
