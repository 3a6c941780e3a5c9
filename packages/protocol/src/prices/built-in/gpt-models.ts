import type { ModelPrice } from '../price.ts';
import { ALWAYS, type ListedModel, perMillion, scaled, times } from './list-price.ts';

/** Above so many tokens of input, a call of the large models costs more as a whole. */
const LONG_PROMPT_TOKENS = 272_000;

/**
 * GPT models at OpenAI's list prices of the standard tier, in dollars for a million tokens of text,
 * as developers.openai.com/api/docs/pricing had them in November 2026. A cache write costs what
 * input costs before the 5.6 models and 1.25 times that since. Prompts above 272,000 tokens: twice
 * the input and one and a half times the output, for the whole call.
 */
export const GPT_MODELS: readonly ListedModel[] = [
  model('gpt-6.1-terra', withLongPrompts(gpt('1', '0.05', '5', '1.25'))),
  model('gpt-6-astra', withLongPrompts(gpt('10', '1', '50', '12.50'))),
  model('gpt-6-sol', withLongPrompts(gpt('2', '0.20', '10', '2.50'))),
  model('gpt-6-luna', withLongPrompts(gpt('0.10', '0.01', '0.50', '0.125'))),
  {
    name: 'gpt-5.6-sol',
    prices: [
      { from: ALWAYS, price: withLongPrompts(gpt('5', '0.50', '30', '6.25')) },
      { from: '2026-08-21T00:00:00Z', price: withLongPrompts(gpt('4', '0.40', '20', '5')) },
    ],
  },
  {
    name: 'gpt-5.6-terra',
    prices: [
      { from: ALWAYS, price: withLongPrompts(gpt('2.50', '0.25', '15', '3.125')) },
      { from: '2026-07-30T00:00:00Z', price: withLongPrompts(gpt('2', '0.20', '12', '2.50')) },
    ],
  },
  {
    name: 'gpt-5.6-luna',
    prices: [
      { from: ALWAYS, price: withLongPrompts(gpt('1', '0.10', '6', '1.25')) },
      { from: '2026-07-30T00:00:00Z', price: withLongPrompts(gpt('0.20', '0.02', '1.20', '0.25')) },
    ],
  },
  model('gpt-5.5', withLongPrompts(gpt('5', '0.50', '30'))),
  model('gpt-5.4', withLongPrompts(gpt('2.50', '0.25', '15'))),
  model('gpt-5.4-mini', gpt('0.75', '0.075', '4.50')),
  model('gpt-5.4-nano', gpt('0.20', '0.02', '1.25')),
  model('gpt-5.3-codex', gpt('1.75', '0.175', '14')),
  model('gpt-5.2', gpt('1.75', '0.175', '14')),
  model('gpt-5.2-codex', gpt('1.75', '0.175', '14')),
  model('gpt-5.1', gpt('1.25', '0.125', '10')),
  model('gpt-5.1-codex', gpt('1.25', '0.125', '10')),
  model('gpt-5', gpt('1.25', '0.125', '10')),
  model('gpt-5-mini', gpt('0.25', '0.025', '2')),
  model('gpt-5-nano', gpt('0.05', '0.005', '0.40')),
  model('gpt-4.1', gpt('2', '0.50', '8')),
  model('gpt-4.1-mini', gpt('0.40', '0.10', '1.60')),
  model('gpt-4.1-nano', gpt('0.10', '0.025', '0.40')),
  model('gpt-4o', gpt('2.50', '1.25', '10')),
  model('gpt-4o-mini', gpt('0.15', '0.075', '0.60')),
  model('o3', gpt('2', '0.50', '8')),
  model('o4-mini', gpt('1.10', '0.275', '4.40')),
];

function model(name: string, price: ModelPrice): ListedModel {
  return { name, prices: [{ from: ALWAYS, price }] };
}

function gpt(input: string, cacheRead: string, output: string, cacheWrite = input): ModelPrice {
  return perMillion({ input, cacheRead, cacheWrite, output });
}

function withLongPrompts(price: ModelPrice): ModelPrice {
  const twice = scaled(price, 2n, 1n);
  const above = { ...twice, output: times(price.output, 3n, 2n), input_tokens: LONG_PROMPT_TOKENS };
  return { ...price, above };
}
