import fc from 'fast-check';
import { expect, test } from 'vitest';
import { transcriptSvg, wrap } from './transcript-svg.ts';

test('wrapping keeps every word and no line is too long', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { minLength: 1 }), (words) => {
      const lines = wrap({ text: words.join(' '), kind: 'output' }, 40).map(({ text }) => text);
      expect(lines.every((line) => line.length <= 40)).toBe(true);
      expect(lines.join('').replaceAll(' ', '')).toBe(words.join(''));
    }),
  );
});

test('what a program printed is text in the picture, never markup', () => {
  const svg = transcriptSvg([{ text: '<script>&"', kind: 'output' }], 'a "title"');
  expect(svg).toContain('&lt;script&gt;&amp;&quot;');
  expect(svg).not.toContain('<script');
  expect(svg).toMatch(/^<svg /);
});
