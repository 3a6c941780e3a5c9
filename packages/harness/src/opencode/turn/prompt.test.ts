import { expect, test } from 'vitest';
import { promptOf } from './prompt.ts';

const COMMANDS = new Set(['hello', 'shop/open']);
const input = (text: string, attachments: { path: string; mediaType: string | null }[] = []) => ({
  text,
  agent: 'default',
  thinking: false,
  attachments,
});
const prompt = (text: string) => promptOf(input(text), '/workspace', COMMANDS);

test('a message that names a command of the folder is that command', () => {
  expect(prompt('/hello Ada Lovelace')).toMatchObject({
    kind: 'command',
    command: 'hello',
    arguments: 'Ada Lovelace',
  });
  expect(prompt('/shop/open')).toMatchObject({ command: 'shop/open', arguments: '' });
  expect(prompt('/hello a\nb')).toMatchObject({ arguments: 'a\nb' });
});

test('anything else is text, slashes or not', () => {
  for (const text of [
    'hello',
    '/unknown x',
    'see /hello',
    '/ hello',
    '/etc/passwd',
    '/hello, you',
  ]) {
    expect(prompt(text)).toMatchObject({ kind: 'text', text });
  }
});

test('attachments are files below the workspace, whatever their paths say', () => {
  const { files } = promptOf(
    input('look', [
      { path: 'a b.png', mediaType: null },
      { path: '../../etc/passwd', mediaType: null },
      { path: 'notes.txt', mediaType: 'text/markdown' },
    ]),
    '/workspace',
    COMMANDS,
  );
  expect(files).toEqual([
    { type: 'file', mime: 'image/png', filename: 'a b.png', url: 'file:///workspace/a%20b.png' },
    { type: 'file', mime: 'text/plain', filename: 'passwd', url: 'file:///workspace/etc/passwd' },
    {
      type: 'file',
      mime: 'text/markdown',
      filename: 'notes.txt',
      url: 'file:///workspace/notes.txt',
    },
  ]);
});
