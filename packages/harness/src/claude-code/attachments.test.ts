import fc from 'fast-check';
import { expect, it } from 'vitest';
import { withAttachments, withoutAttachments } from './attachments.ts';

it('names files so that Claude Code takes them in', () => {
  expect(withAttachments('look', ['a.png', 'with space.txt'])).toBe(
    'look\n\nAttached files: @a.png @"with space.txt"',
  );
  expect(withAttachments('look', [])).toBe('look');
});

it('is undone exactly', () => {
  const path = fc
    .stringMatching(/^[a-z0-9äß._/ -]{1,20}$/)
    .filter((value) => value.trim() === value);
  fc.assert(
    fc.property(fc.string(), fc.array(path, { maxLength: 4 }), (text, paths) => {
      fc.pre(!text.includes('Attached files:'));
      expect(withoutAttachments(withAttachments(text, paths))).toBe(text);
    }),
  );
});
