import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry } from './entry.ts';
import { resolvePath } from './links.ts';

function folder(links: Record<string, string>, files: string[] = []) {
  const entries: Entry[] = [
    ...Object.entries(links).map(([path, target]) => ({ kind: 'link' as const, path, target })),
    ...files.map((path) => ({
      kind: 'file' as const,
      path,
      source: path,
      size: 1,
      executable: false,
    })),
  ];
  return new Map(entries.map((entry) => [entry.path, entry]));
}

test.each([
  ['a file', {}, ['a/b'], 'a/b', { to: 'inside', path: 'a/b' }],
  ['a link beside it', { l: 'f' }, ['f'], 'l', { to: 'inside', path: 'f' }],
  ['a link up and down', { 'd/l': '../f' }, ['f'], 'd/l', { to: 'inside', path: 'f' }],
  ['through a linked folder', { d: 'e' }, ['e/f'], 'd/f', { to: 'inside', path: 'e/f' }],
  ['the folder itself', { l: '.' }, ['f'], 'l', { to: 'inside', path: '' }],
  ['nothing there', { l: 'gone' }, [], 'l', { to: 'nothing' }],
  ['up and out', { l: '../x' }, [], 'l', { to: 'outside' }],
  ['out and back in', { l: '../app/f' }, ['f'], 'l', { to: 'outside' }],
  ['absolute', { l: '/etc/passwd' }, [], 'l', { to: 'outside' }],
  ['out by a second link', { 'a/b/l': '../up/x', 'a/up': '../..' }, [], 'a/b/l', { to: 'outside' }],
  ['a circle', { a: 'b', b: 'a' }, [], 'a', { to: 'circle' }],
  ['itself', { a: 'a/x' }, [], 'a', { to: 'circle' }],
])('%s', (_name, links, files, path, expected) => {
  expect(resolvePath(folder(links as Record<string, string>, files), path)).toEqual(expected);
});

const component = fc.constantFrom('..', '.', 'a', 'b', 'c');
const path = fc.array(component, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
const name = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join('/'));

test('whatever the links, the end is a member, nothing, outside or a circle, and it ends', () => {
  fc.assert(
    fc.property(fc.dictionary(name, path, { maxKeys: 6 }), path, (links, start) => {
      const entries = folder(links);
      const resolved = resolvePath(entries, start);
      if (resolved.to === 'inside') {
        expect(resolved.path === '' || entries.has(resolved.path)).toBe(true);
        expect(resolved.path.split('/')).not.toContain('..');
      }
    }),
  );
});
