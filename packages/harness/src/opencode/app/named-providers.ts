import { type KeyProvider, PROVIDER_FAMILY, type WireFamily } from '@karta/protocol';
import { CONFIG_ENV } from '../server/environment.ts';
import { formatModel, type ModelName } from './model-choice.ts';

/** OpenCode's own parts for a wire; Chat Completions, which every provider of OpenAI's wires has. */
const PARTS: Readonly<Record<WireFamily, { npm: string; url: string }>> = {
  anthropic: { npm: '@ai-sdk/anthropic', url: CONFIG_ENV.anthropicUrl },
  openai: { npm: '@ai-sdk/openai-compatible', url: CONFIG_ENV.openaiUrl },
};

/** What all current models of both families bear; the catalogue knows other names only. */
export const UNKNOWN_LIMIT = { context: 200_000, output: 32_000 };

/**
 * Providers beside those of the families' own names, each with the models that the application
 * uses. A call carries the provider in the model's name, by which the platform knows who is meant.
 */
export function namedProviders(
  models: readonly ModelName[],
  modelStallMs: number,
): Record<string, unknown> {
  const providers: Record<string, { models: Record<string, unknown> }> = {};
  for (const name of models) {
    const { provider, model } = name;
    if (!isNamed(provider)) continue;
    const { npm, url } = PARTS[PROVIDER_FAMILY[provider]];
    const options = {
      baseURL: `{env:${url}}`,
      apiKey: `{env:${CONFIG_ENV.credential}}`,
      chunkTimeout: modelStallMs,
    };
    const known = providers[provider]?.models ?? {};
    const entry = { id: formatModel(name), name: model, limit: UNKNOWN_LIMIT, provider: { npm } };
    const more = { name: provider, npm, blacklist: [], options };
    providers[provider] = { ...more, models: { ...known, [model]: entry } };
  }
  return providers;
}

function isNamed(provider: string): provider is KeyProvider {
  if (!Object.hasOwn(PROVIDER_FAMILY, provider)) return false;
  return PROVIDER_FAMILY[provider as KeyProvider] !== provider;
}
