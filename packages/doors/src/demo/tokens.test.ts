import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutToTokens, tokensOf } from './tokens.ts';

describe('the demo tokenizer', () => {
  it('counts a token for every four characters begun', () => {
    expect(['', 'a', 'four', 'fives'].map(tokensOf)).toEqual([0, 1, 1, 2]);
  });

  it('a cut text costs no more than allowed and is the beginning of the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(50), (text, tokens) => {
        const cut = cutToTokens(text, tokens);
        expect(tokensOf(cut)).toBeLessThanOrEqual(tokens);
        expect(text.startsWith(cut)).toBe(true);
        expect(cut.isWellFormed()).toBe(text.isWellFormed() || cut.isWellFormed());
      }),
    );
  });

  it('a text within the limit stays whole', () => {
    expect(cutToTokens('hello 🙂', 2)).toBe('hello 🙂');
    expect(cutToTokens('hel🙂lo', 1)).toBe('hel');
  });
});
