import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('every file that is named as long exists', () => {
  const source = readFileSync(new URL('longest-first.ts', import.meta.url), 'utf8');
  const named = [...source.matchAll(/'((?:test|packages)\/\S+\.test\.ts)'/g)].map(
    ([, path]) => path,
  );
  expect(named.length).toBeGreaterThan(5);
  for (const path of named) {
    expect(existsSync(fileURLToPath(new URL(`../${path}`, import.meta.url))), path).toBe(true);
  }
});
