import fc from 'fast-check';
import { expect, test } from 'vitest';
import { folderName, isProjectRef, projectRef } from './project-ref.ts';

test.each([
  ['support-bot', 'support-bot'],
  ['Support Bot', 'support-bot'],
  ['Café_Rösterei!', 'cafe-rosterei'],
  ['--a--', 'a'],
  ['my.app.v2', 'my-app-v2'],
  ['日本', null],
  ['...', null],
])('%s becomes %s', (name, ref) => {
  expect(projectRef(name)).toBe(ref);
});

test('a ref is short, is a host label and is its own ref', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (name) => {
      const ref = projectRef(name);
      if (ref === null) return;
      expect(ref).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
      expect(ref.length).toBeLessThanOrEqual(40);
      expect(isProjectRef(ref)).toBe(true);
    }),
  );
});

test('a folder goes by its name however it is given', () => {
  expect(folderName('/srv/bots/shop/')).toBe('shop');
  expect(folderName('/srv/bots/shop/.')).toBe('shop');
});
