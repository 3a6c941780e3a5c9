import { priceOf } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { expect, it } from 'vitest';
import { openrouterName } from './openrouter.ts';

it.each([
  ['gpt-5', 'openai/gpt-5'],
  ['o3', 'openai/o3'],
  ['claude-sonnet-4-5', 'anthropic/claude-sonnet-4.5'],
  ['claude-sonnet-4-5-20250929', 'anthropic/claude-sonnet-4.5'],
  ['claude-sonnet-5', 'anthropic/claude-sonnet-5'],
  ['anthropic/claude-opus-4.5', 'anthropic/claude-opus-4.5'],
  ['mistralai/mistral-large', 'mistralai/mistral-large'],
  ['llama-3', 'llama-3'],
])('%s is %s at OpenRouter', (model, named) => {
  expect(openrouterName(model)).toBe(named);
});

it.each(['gpt-5', 'claude-sonnet-4-5', 'claude-opus-4-5-20251101'])('%s has its price', (model) => {
  expect(
    priceOf(BUILT_IN_PRICE_BOOK, 'openrouter', openrouterName(model), Date.now()),
  ).not.toBeNull();
});
