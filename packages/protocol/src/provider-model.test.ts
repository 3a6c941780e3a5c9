import { expect, test } from 'vitest';
import { KEY_PROVIDERS } from './management/provider-keys.ts';
import {
  MODEL_FALLBACKS,
  modelFallback,
  PROVIDER_FAMILY,
  providerModelOf,
} from './provider-model.ts';

test('a name may begin with a provider; the rest is the provider’s own, slashes and all', () => {
  const named = { provider: 'openrouter', model: 'anthropic/claude-sonnet-4.5' };
  expect(providerModelOf('openrouter/anthropic/claude-sonnet-4.5')).toEqual(named);
  expect(providerModelOf('bedrock/us.anthropic.claude-x-v1:0')?.provider).toBe('bedrock');
  for (const name of ['gpt-5', 'meta/llama', 'openrouter/', 'openrouter', '/x', '']) {
    expect(providerModelOf(name)).toBeNull();
  }
});

test('every provider speaks a wire', () => {
  expect(Object.keys(PROVIDER_FAMILY).sort()).toEqual([...KEY_PROVIDERS].sort());
});

test('a fallback is a short list of models with their provider', () => {
  const fine = (list: unknown) => modelFallback.safeParse(list).success;
  expect(fine([])).toBe(true);
  expect(fine(['openai/gpt-5', 'openrouter/openai/gpt-5'])).toBe(true);
  for (const wrong of ['gpt-5', 'acme/gpt-5', 'openai/a b', '', 7])
    expect(fine([wrong])).toBe(false);
  expect(fine(Array(MODEL_FALLBACKS + 1).fill('openai/gpt-5'))).toBe(false);
});
