import { dollarsPerMillion } from '../dollars-per-million.ts';
import type { ModelPrice } from '../price.ts';
import { ALWAYS, type ListedModel, times } from './list-price.ts';

/**
 * Claude models at Anthropic's list prices, in dollars for a million tokens, as
 * platform.claude.com/docs/en/about-claude/pricing had them in October 2026. A cache write costs
 * 1.25 times the input (5 minutes) or twice (an hour), a read a tenth where nothing else is said.
 */
export const CLAUDE_MODELS: readonly (ListedModel & { regionalPremium: boolean })[] = [
  model('claude-fable-5-1', claude('10', '50', { read: '0.25' })),
  model('claude-mythos-5-1', claude('10', '50', { read: '0.25' })),
  model('claude-fable-5', claude('10', '50')),
  model('claude-mythos-5', claude('10', '50')),
  model('claude-opus-5-5', claude('4', '20', { read: '0.20' })),
  model('claude-opus-5', claude('5', '25')),
  model('claude-opus-4-8', claude('5', '25')),
  model('claude-opus-4-7', claude('5', '25')),
  model('claude-opus-4-6', claude('5', '25')),
  model('claude-opus-4-5', claude('5', '25')),
  model('claude-opus-4-1', claude('15', '75'), { regionalPremium: false }),
  {
    ...model('claude-sonnet-5-5', claude('2', '10', { read: '0.10' })),
    prices: [
      { from: ALWAYS, price: claude('2', '10', { read: '0.20' }) },
      { from: '2026-10-07T00:00:00Z', price: claude('2', '10', { read: '0.10' }) },
    ],
  },
  model('claude-sonnet-5', claude('2', '10')),
  model('claude-sonnet-4-6', claude('3', '15')),
  model('claude-sonnet-4-5', longPrompt(claude('3', '15'), 200_000, claude('6', '22.50'))),
  model('claude-haiku-5-5', longPrompt(claude('0.10', '0.50'), 100_000, claude('0.50', '2.50'))),
  model('claude-haiku-4-5', claude('1', '5')),
];

function model(name: string, price: ModelPrice, { regionalPremium } = { regionalPremium: true }) {
  return { name, prices: [{ from: ALWAYS, price }], regionalPremium };
}

function claude(input: string, output: string, { read }: { read?: string } = {}): ModelPrice {
  const plain = dollarsPerMillion(input);
  return {
    input: plain,
    cache_read: read === undefined ? times(plain, 1n, 10n) : dollarsPerMillion(read),
    cache_write: times(plain, 5n, 4n),
    cache_write_1h: times(plain, 2n, 1n),
    output: dollarsPerMillion(output),
  };
}

function longPrompt(price: ModelPrice, inputTokens: number, above: ModelPrice): ModelPrice {
  return { ...price, above: { ...above, input_tokens: inputTokens } };
}
