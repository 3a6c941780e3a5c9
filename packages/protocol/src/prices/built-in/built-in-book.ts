import {
  type PriceBook,
  type PriceBookWire,
  type PriceEntry,
  readPriceBook,
} from '../price-book.ts';
import { CLAUDE_MODELS } from './claude-models.ts';
import { GPT_MODELS } from './gpt-models.ts';
import { ALWAYS, entriesOf, perMillion, scaled } from './list-price.ts';

/** Changes with every change of the list. */
const BUILT_IN_VERSION = '2026-11-22';

/** Where Bedrock's inference profiles send calls, besides `global`: for these it costs a tenth more. */
const BEDROCK_REGIONS = ['', 'us.', 'eu.', 'apac.', 'jp.', 'au.', 'us-gov.'];

/** A region's endpoint costs a tenth more than the global one, since Claude 4.5. */
const REGIONAL = [11n, 10n] as const;

/** The prices that Karta comes with. */
export const BUILT_IN_PRICES: PriceBookWire = {
  version: BUILT_IN_VERSION,
  entries: [...demo(), ...anthropic(), ...bedrock(), ...vertex(), ...openai(), ...openrouter()],
};

/** The same, ready to look up. */
export const BUILT_IN_PRICE_BOOK: PriceBook = readPriceBook(BUILT_IN_PRICES);

/** The demo model costs what a small model costs, so that caps can be tried; nobody is billed. */
function demo(): PriceEntry[] {
  const rates = { input: '1', cacheRead: '0.10', cacheWrite: '1.25', cacheWrite1h: '2' };
  return entriesOf('demo', ['*'], [{ from: ALWAYS, price: perMillion({ ...rates, output: '5' }) }]);
}

function anthropic(): PriceEntry[] {
  return CLAUDE_MODELS.flatMap(({ name, prices }) =>
    entriesOf('anthropic', [name, `${name}-20*`], prices),
  );
}

function openai(): PriceEntry[] {
  return GPT_MODELS.flatMap(({ name, prices }) =>
    entriesOf('openai', [name, `${name}-20*`], prices),
  );
}

/** `global.anthropic.claude-…`, with a date and a version or without. */
function bedrock(): PriceEntry[] {
  return CLAUDE_MODELS.flatMap(({ name, prices, regionalPremium }) => {
    const patterns = (profile: string) =>
      ['', '-20*', '-v*'].map((end) => `${profile}anthropic.${name}${end}`);
    const regional = regionalPremium ? atRegionalPrice(prices) : prices;
    return [
      ...entriesOf('bedrock', patterns('global.'), prices),
      ...entriesOf('bedrock', BEDROCK_REGIONS.flatMap(patterns), regional),
    ];
  });
}

/** `claude-…` at Google's global endpoint; at a region's the model is named `regional/claude-…`. */
function vertex(): PriceEntry[] {
  return CLAUDE_MODELS.flatMap(({ name, prices, regionalPremium }) => {
    const regional = regionalPremium ? atRegionalPrice(prices) : prices;
    return [
      ...entriesOf('vertex', [name, `${name}@*`], prices),
      ...entriesOf('vertex', [`regional/${name}`, `regional/${name}@*`], regional),
    ];
  });
}

/** OpenRouter passes on what the makers list; its variants (`:online`, …) cost otherwise. */
function openrouter(): PriceEntry[] {
  return [
    ...CLAUDE_MODELS.map(({ name, prices }) => ({ name: `anthropic/${dotted(name)}`, prices })),
    ...GPT_MODELS.map(({ name, prices }) => ({ name: `openai/${name}`, prices })),
  ].flatMap(({ name, prices }) => entriesOf('openrouter', [name], prices));
}

/** `claude-opus-4-5` as OpenRouter writes it: `claude-opus-4.5`. */
function dotted(name: string): string {
  return name.replace(/-(\d)-(\d)$/, '-$1.$2');
}

function atRegionalPrice(prices: (typeof CLAUDE_MODELS)[number]['prices']) {
  const [numerator, denominator] = REGIONAL;
  return prices.map(({ from, price }) => ({ from, price: scaled(price, numerator, denominator) }));
}
