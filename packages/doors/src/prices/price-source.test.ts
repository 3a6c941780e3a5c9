import { KartaError, type PriceBookWire, priceOf } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { PriceSource } from './price-source.ts';

function wire(version: string, input: string): PriceBookWire {
  const price = { input, cache_read: '0', cache_write: '0', output: '0' };
  const from = { effective_from: '2026-01-01T00:00:00Z', source: 'operator' as const };
  return { version, entries: [{ provider: 'anthropic', model: '*', ...from, price }] };
}

function ground(first: PriceBookWire | null) {
  const state = { book: first, asked: 0, now: 0, warnings: 0 };
  const control = {
    async prices<Book>(schema: z.ZodType<Book>): Promise<Book> {
      state.asked += 1;
      await Promise.resolve();
      if (state.book === null) throw new KartaError('control_unavailable');
      return schema.parse(state.book);
    },
  };
  const log = {
    info: () => {},
    warn: () => {
      state.warnings += 1;
    },
  };
  return { state, source: new PriceSource(control, log, () => state.now) };
}

describe('the price book of the doors', () => {
  it('is the built-in one until another is in force, and costs no question then', () => {
    const { state, source } = ground(wire('2', '1'));
    expect(source.inForce(BUILT_IN_PRICE_BOOK.version)).toBe(BUILT_IN_PRICE_BOOK);
    expect(source.latest).toBe(BUILT_IN_PRICE_BOOK);
    expect(state.asked).toBe(0);
  });

  it('is fetched once for all who ask, and is at hand from then on', async () => {
    const { state, source } = ground(wire('2', '7'));
    const [first, second] = await Promise.all([source.inForce('2'), source.inForce('2')]);
    expect(first).toBe(second);
    expect(priceOf(first, 'anthropic', 'x', Date.now())?.input).toBe(7n);
    expect(source.inForce('2')).toBe(first);
    expect(source.latest).toBe(first);
    expect(state.asked).toBe(1);
  });

  it('goes on to be the latest while a newer one cannot be had, and asks again later', async () => {
    const { state, source } = ground(wire('2', '7'));
    const held = await source.inForce('2');
    state.book = null;
    expect(await source.inForce('3')).toBe(held);
    expect(source.inForce('3')).toBe(held);
    expect({ asked: state.asked, warnings: state.warnings }).toEqual({ asked: 2, warnings: 1 });
    state.book = wire('3', '8');
    state.now += 5_000;
    expect((await source.inForce('3')).version).toBe('3');
  });

  it('is not what somebody else sends who is no control plane', async () => {
    const { state, source } = ground({ version: '', entries: [] });
    expect(await source.inForce('2')).toBe(BUILT_IN_PRICE_BOOK);
    expect(state.warnings).toBe(1);
  });

  it('is kept while planes of two versions name theirs by turns', async () => {
    const { state, source } = ground(wire('a', '1'));
    await source.inForce('a');
    state.book = wire('b', '2');
    await source.inForce('b');
    for (const version of ['a', 'b', 'a']) {
      expect((await source.inForce(version)).version).toBe(version);
    }
    expect(state.asked).toBe(2);
  });

  it('is the built-in one without a control plane', () => {
    const source = new PriceSource(null, { info: () => {}, warn: () => {} });
    expect(source.inForce('9')).toBe(BUILT_IN_PRICE_BOOK);
  });
});
