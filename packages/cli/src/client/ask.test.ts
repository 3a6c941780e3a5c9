import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { captured } from '../../test/captured-terminal.ts';
import { openAsker } from './ask.ts';

test('from a pipe each question takes a line, also one that came early, in silence', async () => {
  const { terminal, written } = captured();
  using asker = openAsker(terminal, Readable.from(['ada@example.com\nsec', 'ret\n']));
  expect(await asker.ask('E-mail: ')).toBe('ada@example.com');
  expect(await asker.askSecret('Password: ')).toBe('secret');
  await expect(asker.ask('Code: ')).rejects.toMatchObject({ exit: 'usage' });
  expect(written).toEqual({ out: '', err: '' });
});

test('a question waits for its line', async () => {
  const { terminal } = captured();
  const input = new PassThrough();
  using asker = openAsker(terminal, input);
  const answer = asker.ask('Name: ');
  input.write('Ada\n');
  expect(await answer).toBe('Ada');
});
