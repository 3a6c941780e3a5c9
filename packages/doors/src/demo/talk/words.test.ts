import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askedIn, kinship, stem, stemsOf } from './words.ts';

describe('stems', () => {
  it.each([
    ['ship', 'ships', 'shipped', 'shipping'],
    ['return', 'returns', 'returned', 'returning'],
    ['deliver', 'delivers', 'delivery', 'deliveries'],
    ['story', 'stories'],
    ['box', 'boxes'],
  ])('of %s are one', (...words) => {
    expect(new Set(words.map(stem)).size).toBe(1);
  });

  it('leave accents, case and words without meaning aside', () => {
    expect(stemsOf('The Cafés of CAFE')).toEqual(new Set(['cafe'].map(stem)));
  });

  it('are never longer than the word', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const found of stemsOf(text)) expect(found).not.toBe('');
      }),
    );
  });
});

describe('kinship', () => {
  it('is greatest for the same word, less for kin, none for strangers', () => {
    const [ship, deliver, subscribe, subscription, tea] = [
      'ship',
      'delivery',
      'subscribe',
      'subscription',
      'tea',
    ].map(stem) as [string, string, string, string, string];
    expect(kinship(ship, ship)).toBe(1);
    expect(kinship(ship, deliver)).toBeGreaterThan(0);
    expect(kinship(ship, deliver)).toBeLessThan(1);
    expect(kinship(subscribe, subscription)).toBeGreaterThan(0);
    expect(kinship(ship, tea)).toBe(0);
  });

  it('knows phrases', () => {
    expect(askedIn('can I get my money back')).toContain(stem('refund'));
  });
});
