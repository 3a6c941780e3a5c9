import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../canonical-json.ts';
import { BUILT_IN_PRICE_BOOK, BUILT_IN_PRICES } from './built-in/built-in-book.ts';
import { affordableOutput, costBound, costOf, type InputBound } from './cost.ts';
import { dollarsPerMillion, dollarsPerRequest } from './dollars-per-million.ts';
import { type ModelPrice, modelPrice, type PricedCounts, readPrice } from './price.ts';
import {
  type PriceBookWire,
  type PriceEntry,
  priceBookWire,
  priceOf,
  readPriceBook,
} from './price-book.ts';

const amount = fc.bigInt({ min: 0n, max: 10n ** 12n }).map(String);
const rates = {
  input: amount,
  cache_read: amount,
  cache_write: amount,
  cache_write_1h: fc.option(amount, { nil: undefined }),
  output: amount,
  reasoning: fc.option(amount, { nil: undefined }),
  request: fc.option(amount, { nil: undefined }),
};
const flatPrice: fc.Arbitrary<ModelPrice> = fc.record(rates);
const tieredPrice: fc.Arbitrary<ModelPrice> = fc.record({
  ...rates,
  above: fc.option(fc.record({ ...rates, input_tokens: fc.integer({ min: 1, max: 2_000_000 }) }), {
    nil: undefined,
  }),
});
/** What a provider that tells the truth reports. */
const counts: fc.Arbitrary<PricedCounts> = fc
  .tuple(...Array.from({ length: 5 }, () => fc.nat(1_000_000)), fc.nat(1_000_000))
  .map(([plain = 0, read = 0, short = 0, long = 0, text = 0, reasoning = 0]) => ({
    input_tokens: plain + read + short + long,
    cache_read_tokens: read,
    cache_write_tokens: short + long,
    cache_write_1h_tokens: long,
    output_tokens: text + reasoning,
    reasoning_tokens: reasoning,
  }));

function sum(a: PricedCounts, b: PricedCounts): PricedCounts {
  const keys = Object.keys(a) as (keyof PricedCounts)[];
  return Object.fromEntries(
    keys.map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]),
  ) as unknown as PricedCounts;
}

describe('what a call costs', () => {
  it('is the sum of its parts, each at its own price', () => {
    const price = readPrice({
      input: '3000000',
      cache_read: '300000',
      cache_write: '3750000',
      cache_write_1h: '6000000',
      output: '15000000',
      reasoning: '20000000',
      request: '7',
    });
    const call = {
      input_tokens: 1_000 + 200 + 30 + 4,
      cache_read_tokens: 200,
      cache_write_tokens: 34,
      cache_write_1h_tokens: 4,
      output_tokens: 90,
      reasoning_tokens: 40,
    };
    const expected = 1_000 * 3e6 + 200 * 3e5 + 30 * 3.75e6 + 4 * 6e6 + 50 * 15e6 + 40 * 20e6 + 7;
    expect(costOf(price, call)).toBe(BigInt(expected));
  });

  it('adds up: two calls cost what one call with all their tokens does', () => {
    fc.assert(
      fc.property(flatPrice, counts, counts, (wire, a, b) => {
        const price = readPrice(wire);
        const both = costOf(price, a) + costOf(price, b);
        expect(both).toBe(costOf(price, sum(a, b)) + price.request);
      }),
    );
  });

  it('never falls when tokens are added, within a tier', () => {
    fc.assert(
      fc.property(flatPrice, counts, counts, (wire, a, b) => {
        const price = readPrice(wire);
        expect(costOf(price, sum(a, b)) >= costOf(price, a)).toBe(true);
      }),
    );
  });

  it('is exact where floating point is not', () => {
    const price = readPrice({ input: '1', cache_read: '1', cache_write: '1', output: '3' });
    const call = { input_tokens: 2 ** 53 - 1, cache_read_tokens: 0, cache_write_tokens: 0 };
    const cost = costOf(price, { ...call, output_tokens: 2 ** 53 - 1 });
    expect(cost).toBe(4n * (2n ** 53n - 1n));
  });

  it('is never negative, whatever a provider reports', () => {
    const count = fc.nat();
    const any = fc.record({
      input_tokens: count,
      cache_read_tokens: count,
      cache_write_tokens: count,
      cache_write_1h_tokens: count,
      output_tokens: count,
      reasoning_tokens: count,
    });
    fc.assert(
      fc.property(tieredPrice, any, (wire, told) => {
        expect(costOf(readPrice(wire), told) >= 0n).toBe(true);
      }),
    );
  });

  it('is by the other rates for the whole call, once its input is above the mark', () => {
    const base = { input: '1', cache_read: '1', cache_write: '1', output: '1' };
    const dear = { input: '10', cache_read: '10', cache_write: '10', output: '10' };
    const price = readPrice({ ...base, above: { ...dear, input_tokens: 100 } });
    const call = { cache_read_tokens: 60, cache_write_tokens: 0, output_tokens: 5 };
    expect(costOf(price, { ...call, input_tokens: 100 })).toBe(105n);
    expect(costOf(price, { ...call, input_tokens: 101 })).toBe(1_060n);
  });
});

describe('the most that a call can cost', () => {
  const bounds = fc.record({ tokens: fc.nat(3_000_000), longCache: fc.boolean() });

  it('is never exceeded within its limits', () => {
    fc.assert(
      fc.property(tieredPrice, counts, fc.nat(1000), fc.nat(1000), (wire, call, more, longer) => {
        const price = readPrice(wire);
        const tokens = call.input_tokens + more;
        const within = (longCache: boolean) =>
          costBound(price, { tokens, longCache }, call.output_tokens + longer);
        expect(costOf(price, call) <= within(true)).toBe(true);
        const short = { ...call, cache_write_1h_tokens: 0 };
        expect(costOf(price, short) <= within(false)).toBe(true);
        expect(within(false) <= within(true)).toBe(true);
      }),
    );
  });

  it('is met by the output that an amount still covers, and not by one token more', () => {
    fc.assert(fc.property(tieredPrice, bounds, fc.bigInt({ min: 0n, max: 10n ** 19n }), check));
    function check(wire: ModelPrice, input: InputBound, left: bigint) {
      const price = readPrice(wire);
      const output = affordableOutput(price, input, left);
      if (output === null) {
        expect(costBound(price, input, 0) > left).toBe(true);
      } else {
        expect(costBound(price, input, output) <= left).toBe(true);
        const free = output === Number.MAX_SAFE_INTEGER;
        expect(free || costBound(price, input, output + 1) > left).toBe(true);
      }
    }
  });
});

const priced = (input: string): ModelPrice => ({
  input,
  cache_read: '0',
  cache_write: '0',
  output: '0',
});

const entry = (of: Partial<PriceEntry> & { input: string }): PriceEntry => {
  const { input, ...rest } = of;
  return {
    provider: 'p',
    model: 'm',
    effective_from: '2026-01-01T00:00:00Z',
    source: 'built_in',
    price: priced(input),
    ...rest,
  };
};

function inputPrice(entries: PriceEntry[], model: string, at = '2026-06-01T00:00:00Z') {
  const book = readPriceBook({ version: '1', entries });
  return priceOf(book, 'p', model, Date.parse(at))?.input ?? null;
}

describe('the price of a model', () => {
  const list = [
    entry({ model: '*', input: '1' }),
    entry({ model: 'claude-*', input: '2' }),
    entry({ model: 'claude-opus-*', input: '3' }),
    entry({ model: 'claude-opus-9', input: '4' }),
  ];

  it.each([
    ['claude-opus-9', 4n],
    ['claude-opus-9x', 3n],
    ['claude-opus-', 3n],
    ['claude-x', 2n],
    ['claude', 1n],
    ['', 1n],
  ])('of "%s" is that of its name, else of its longest beginning', (model, expected) => {
    expect(inputPrice(list, model)).toBe(expected);
    expect(inputPrice([...list].reverse(), model)).toBe(expected);
  });

  it('is none for a name or a provider that is not in the book', () => {
    expect(inputPrice([entry({ model: 'a', input: '1' })], 'b')).toBeNull();
    expect(priceOf(BUILT_IN_PRICE_BOOK, 'nobody', 'claude-opus-5', Date.now())).toBeNull();
    expect(priceOf(BUILT_IN_PRICE_BOOK, 'anthropic', 'claude-opus-17', Date.now())).toBeNull();
  });

  it('changes at its moment, for calls that begin from then on', () => {
    const changed = [
      entry({ input: '2', effective_from: '2026-06-01T00:00:00Z' }),
      entry({ input: '1' }),
    ];
    expect(inputPrice(changed, 'm', '2025-12-31T23:59:59.999Z')).toBeNull();
    expect(inputPrice(changed, 'm', '2026-05-31T23:59:59.999Z')).toBe(1n);
    expect(inputPrice(changed, 'm', '2026-06-01T00:00:00Z')).toBe(2n);
  });

  it("is the operator's where both fit equally, from its moment on", () => {
    const overridden = [
      entry({ input: '9', source: 'operator', effective_from: '2026-03-01T00:00:00Z' }),
      entry({ input: '1' }),
      entry({ input: '2', effective_from: '2026-05-01T00:00:00Z' }),
    ];
    expect(inputPrice(overridden, 'm', '2026-02-01T00:00:00Z')).toBe(1n);
    expect(inputPrice(overridden, 'm', '2026-06-01T00:00:00Z')).toBe(9n);
  });

  it('of a name that has none yet is that of its beginning', () => {
    const later = [
      entry({ model: 'm', input: '5', effective_from: '2027-01-01T00:00:00Z' }),
      entry({ model: 'm*', input: '1' }),
    ];
    expect(inputPrice(later, 'm')).toBe(1n);
  });

  it('of two with the same moment is the later of the book', () => {
    expect(inputPrice([entry({ input: '1' }), entry({ input: '2' })], 'm')).toBe(2n);
  });
});

describe('published prices', () => {
  it.each([
    ['0.005', '5000'],
    ['0.0025', '2500'],
    ['3', '3000000'],
    ['22.50', '22500000'],
    ['0.000001', '1'],
  ])('of %s dollars a million tokens are whole picodollars', (dollars, expected) => {
    expect(dollarsPerMillion(dollars)).toBe(expected);
  });

  it('of a call are too', () => {
    expect(dollarsPerRequest('0.01')).toBe('10000000000');
  });

  it.each(['', '-1', '1e3', '.5', '1.', '0.0000001', '1,5', ' 1'])('are never "%s"', (dollars) => {
    expect(() => dollarsPerMillion(dollars)).toThrow(RangeError);
  });
});

describe('the built-in book', () => {
  it('has another version whenever it has other prices: write both down here', () => {
    const text = canonicalJson(BUILT_IN_PRICES.entries);
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
    expect([BUILT_IN_PRICES.version, digest]).toEqual(['2026-11-22', '009067e84dbed6f7']);
  });

  it('is a valid book, each price once', () => {
    expect(priceBookWire.safeParse(BUILT_IN_PRICES).error).toBeUndefined();
    const keys = BUILT_IN_PRICES.entries.map(
      ({ provider, model, effective_from }) => `${provider} ${model} ${effective_from}`,
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  it.each([
    ['anthropic', 'claude-opus-4-5-20251101', ['5', '0.50', '6.25', '10', '25']],
    ['anthropic', 'claude-haiku-4-5', ['1', '0.10', '1.25', '2', '5']],
    ['anthropic', 'claude-opus-5-5', ['4', '0.20', '5', '8', '20']],
    ['anthropic', 'claude-sonnet-5-5', ['2', '0.10', '2.50', '4', '10']],
    ['bedrock', 'global.anthropic.claude-sonnet-4-6', ['3', '0.30', '3.75', '6', '15']],
    [
      'bedrock',
      'us.anthropic.claude-haiku-4-5-20251001-v1:0',
      ['1.1', '0.11', '1.375', '2.2', '5.5'],
    ],
    ['bedrock', 'eu.anthropic.claude-opus-4-1-20250805-v1:0', ['15', '1.50', '18.75', '30', '75']],
    ['vertex', 'claude-opus-4-5@20251101', ['5', '0.50', '6.25', '10', '25']],
    ['vertex', 'regional/claude-opus-4-5@20251101', ['5.5', '0.55', '6.875', '11', '27.5']],
    ['openai', 'gpt-5-2025-08-07', ['1.25', '0.125', '1.25', '1.25', '10']],
    ['openai', 'gpt-6-luna', ['0.10', '0.01', '0.125', '0.125', '0.50']],
    ['openrouter', 'anthropic/claude-sonnet-4.6', ['3', '0.30', '3.75', '6', '15']],
    ['demo', 'whatever', ['1', '0.10', '1.25', '2', '5']],
  ])('has %s %s as published', (provider, model, dollars) => {
    const price = priceOf(BUILT_IN_PRICE_BOOK, provider, model, Date.parse('2026-11-22'));
    const { input, cacheRead, cacheWrite, cacheWrite1h, output } = price ?? {};
    const found = [input, cacheRead, cacheWrite, cacheWrite1h, output].map(String);
    expect(found).toEqual(dollars.map(dollarsPerMillion));
  });

  it('has the price of the day on which a call began', () => {
    const cacheRead = (day: string) =>
      priceOf(BUILT_IN_PRICE_BOOK, 'anthropic', 'claude-sonnet-5-5', Date.parse(day))?.cacheRead;
    expect(cacheRead('2026-10-06T23:59:59Z')).toBe(200_000n);
    expect(cacheRead('2026-10-07')).toBe(100_000n);
  });

  it('has the long-prompt prices, and none for variants that cost otherwise', () => {
    const at = Date.parse('2026-11-22');
    const gpt = priceOf(BUILT_IN_PRICE_BOOK, 'openai', 'gpt-5.4', at);
    expect(gpt?.above).toMatchObject({
      inputTokens: 272_000,
      input: 5_000_000n,
      output: 22_500_000n,
    });
    const variant = 'anthropic/claude-sonnet-4.6:online';
    expect(priceOf(BUILT_IN_PRICE_BOOK, 'openrouter', variant, at)).toBeNull();
  });
});

describe('a price on the wire', () => {
  it.each(['-1', '1.5', '01', '1e6', '', '1234567890123456789'])('is never "%s"', (input) => {
    expect(modelPrice.safeParse(priced(input)).success).toBe(false);
  });

  it.each(['**', 'a*b', '', 'a b', `x${'y'.repeat(200)}`])('is of no model "%s"', (model) => {
    const wire: PriceBookWire = { version: '1', entries: [entry({ model, input: '1' })] };
    expect(priceBookWire.safeParse(wire).success).toBe(false);
  });
});
