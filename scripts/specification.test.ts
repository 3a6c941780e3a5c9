import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const TIERS = ['daily', 'full', 'bench'];
/** A file in backticks, or one of its cases in quotes. */
const TOKEN = /`([^`]+)`|“([^”]+)”/g;

interface Row {
  promise: string;
  held: string;
  tier: string;
}

const root = new URL('../', import.meta.url);
const document = readFileSync(new URL('SPECIFICATION.md', root), 'utf8');
const rows: Row[] = document
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.slice(2, -2).split(' | '))
  .flatMap(([promise, held, tier, ...more]) =>
    promise !== undefined && held !== undefined && tier !== undefined && more.length === 0
      ? [{ promise, held, tier }]
      : [],
  )
  .filter(({ promise }) => promise !== 'promise');

/** The files that hold a promise, each with the cases that are named. */
function holdersOf(held: string): { path: string; cases: string[] }[] {
  const holders: { path: string; cases: string[] }[] = [];
  for (const [, path, quoted] of held.matchAll(TOKEN)) {
    if (path !== undefined) holders.push({ path, cases: [] });
    else if (quoted !== undefined) holders.at(-1)?.cases.push(quoted);
  }
  return holders;
}

test('every promise is held by a file that exists, and by cases that are in it', () => {
  expect(rows.length).toBeGreaterThan(80);
  for (const { promise, held } of rows) {
    const holders = holdersOf(held);
    expect(holders, promise).not.toEqual([]);
    expect(held.replaceAll(TOKEN, '').trim(), `${promise}: only files and cases`).toBe('');
    for (const { path, cases } of holders) {
      expect(existsSync(new URL(path, root)), `${promise}: ${path}`).toBe(true);
      const source = readFileSync(new URL(path, root), 'utf8');
      for (const name of cases) expect(source, `${promise}: ${path}`).toContain(name);
    }
  }
});

test('every promise is of the tier that its files run in', () => {
  for (const { promise, held, tier } of rows) {
    expect(TIERS, promise).toContain(tier);
    for (const { path } of holdersOf(held)) {
      const own = path.startsWith('bench/scenarios/')
        ? 'bench'
        : path.endsWith('.full.test.ts')
          ? 'full'
          : 'daily';
      expect(tier, `${promise}: ${path}`).toBe(own);
    }
  }
});

test('no promise is made twice', () => {
  const promises = rows.map(({ promise }) => promise);
  expect(promises).toEqual([...new Set(promises)]);
});

test('every requirement of the request is promised or said to be missing', () => {
  for (let number = 1; number <= 39; number += 1) {
    expect(document).toContain(`B${String(number).padStart(2, '0')}`);
  }
});

test('every scenario of the bench holds a promise', () => {
  for (const name of readdirSync(new URL('bench/scenarios/', root))) {
    expect(document).toContain(`bench/scenarios/${name}`);
  }
});
