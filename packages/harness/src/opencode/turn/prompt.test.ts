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

test('images and PDFs are files below the workspace, whatever their paths say', () => {
  const { files } = promptOf(
    input('look', [
      { path: 'a b.png', mediaType: null },
      { path: '../../etc/x.pdf', mediaType: null },
      { path: 'photo', mediaType: 'image/webp' },
    ]),
    '/workspace',
    COMMANDS,
  );
  expect(files).toEqual([
    { type: 'file', mime: 'image/png', filename: 'a b.png', url: 'file:///workspace/a%20b.png' },
    {
      type: 'file',
      mime: 'application/pdf',
      filename: 'x.pdf',
      url: 'file:///workspace/etc/x.pdf',
    },
    { type: 'file', mime: 'image/webp', filename: 'photo', url: 'file:///workspace/photo' },
  ]);
});

test('any other attachment is named to the model, and not in the conversation', () => {
  const attachments = [
    { path: 'uploads/b.zip', mediaType: 'application/zip' },
    { path: '../a "b".json', mediaType: null },
    { path: 'drawing.png', mediaType: 'image/svg+xml' },
  ];
  const note = '<attached-files>"uploads/b.zip", "a \\"b\\".json", "drawing.png"</attached-files>';
  expect(promptOf(input('look', attachments), '/workspace', COMMANDS)).toEqual({
    kind: 'text',
    text: 'look',
    files: [{ type: 'text', text: note, synthetic: true }],
  });
  expect(promptOf(input('/hello Ada', attachments), '/workspace', COMMANDS)).toEqual({
    kind: 'command',
    command: 'hello',
    arguments: `Ada\n\n${note}`,
    files: [],
  });
});
