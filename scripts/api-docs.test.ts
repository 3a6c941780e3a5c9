import { readFileSync } from 'node:fs';
import { LIMITS } from '@karta/protocol';
import { expect, test } from 'vitest';
import { renderApiDocs } from './api-docs.ts';

const document = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8');

test('docs/api.md is what the protocol says (npm run docs makes it anew)', () => {
  expect(renderApiDocs(document)).toBe(document);
});

test('every limit is explained', () => {
  for (const name of Object.keys(LIMITS)) {
    expect(document).toMatch(new RegExp(`\\| \`${name}\` \\| [\\d,]+ \\| \\S`));
  }
});

test('a document without a section is refused', () => {
  expect(() => renderApiDocs('# API')).toThrow('no section');
});
