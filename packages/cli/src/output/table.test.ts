import { expect, test } from 'vitest';
import { captured } from '../../test/captured-terminal.ts';
import { showList, table } from './table.ts';

interface Thing {
  name: string;
  size: number | null;
}

async function* things(): AsyncGenerator<Thing> {
  yield { name: 'long-name', size: 1 };
  yield { name: 'b\x1b[31m', size: null };
}

const columns = [
  ['name', (thing: Thing) => thing.name],
  ['size', (thing: Thing) => thing.size],
] as const;

test('columns are as wide as their widest cell, and no cell steers the terminal', async () => {
  const { terminal, written } = captured();
  const view = { columns, empty: 'Nothing.', json: false };
  expect(await showList(things(), view, terminal)).toBe(2);
  expect(written.out).toBe('name       size\nlong-name  1\nb[31m      –\n');
});

test('a program gets a line of JSON each, at most as many as asked for', async () => {
  const { terminal, written } = captured();
  const view = { columns, empty: 'Nothing.', json: true, limit: 1 };
  expect(await showList(things(), view, terminal)).toBe(1);
  expect(written.out).toBe('{"name":"long-name","size":1}\n');
});

test('nothing is said to the person, and nothing to a pipe', async () => {
  const { terminal, written } = captured();
  async function* none(): AsyncGenerator<Thing> {}
  await showList(none(), { columns, empty: 'Nothing.', json: false }, terminal);
  expect(written).toEqual({ out: '', err: 'Nothing.\n' });
  expect(table([], columns, terminal)).toBe('name  size\n');
});
