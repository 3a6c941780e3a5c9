import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderPermissionDocs } from './permission-docs.ts';

test('docs/permissions.md is what the code asks (npm run docs makes it anew)', () => {
  const document = readFileSync(new URL('../docs/permissions.md', import.meta.url), 'utf8');
  expect(document).toBe(renderPermissionDocs());
});
