import { priceOf, vertexLocation } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { describe, expect, it } from 'vitest';
import { vertexAddress } from './location.ts';
import { pricedVertexModel, vertexModel } from './model-name.ts';

describe('a model on Vertex', () => {
  it.each([
    ['claude-sonnet-4-5', 'claude-sonnet-4-5@20250929'],
    ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5@20250929'],
    ['claude-opus-4-1@20250805', 'claude-opus-4-1@20250805'],
    ['claude-opus-4-6', 'claude-opus-4-6'],
    ['regional/claude-opus-4-6', 'claude-opus-4-6'],
  ])('%s is %s', (model, named) => {
    expect(vertexModel(model)).toBe(named);
  });

  it.each(['gpt-5', 'claude-x/../y', 'claude-x:predict', 'claude-x@1@2', 'regional/gpt', ''])(
    'is none of another name: "%s"',
    (model) => {
      expect(vertexModel(model)).toBeNull();
      expect(pricedVertexModel(model, 'global')).toBe(model);
    },
  );

  it('has the price of its endpoint, a tenth more outside the global one', () => {
    const price = (location: string) => {
      const model = pricedVertexModel('claude-sonnet-4-6', location);
      // Named twice it is the same: what is booked is what was priced.
      expect(pricedVertexModel(model, location)).toBe(model);
      return priceOf(BUILT_IN_PRICE_BOOK, 'vertex', model, Date.now())?.input ?? 0n;
    };
    expect(price('global')).toBe(3_000_000n);
    for (const location of ['us-east5', 'eu']) expect(price(location)).toBe(3_300_000n);
  });
});

describe('a location', () => {
  it.each([
    ['global', 'https://aiplatform.googleapis.com/v1'],
    ['eu', 'https://aiplatform.eu.rep.googleapis.com/v1'],
    ['us-east5', 'https://us-east5-aiplatform.googleapis.com/v1'],
    ['northamerica-northeast1', 'https://northamerica-northeast1-aiplatform.googleapis.com/v1'],
  ])('%s is at %s', (location, address) => {
    expect(vertexLocation.parse(location)).toBe(location);
    expect(vertexAddress(location)).toBe(address);
  });

  it.each(['evil.example/', 'us-east5.evil', 'us-east5@evil', 'a#', '', '..'])(
    'cannot be "%s"',
    (location) => {
      expect(vertexLocation.safeParse(location).success).toBe(false);
    },
  );
});
