import { expect, test } from 'vitest';
import { commandBlocks } from './command-blocks.ts';

test('finds shell blocks only, with their lines', () => {
  const markdown = 'a\n```sh\none\ntwo\n```\n```ts\nnot\n```\n```bash\nthree\n```\n';
  expect(commandBlocks(markdown)).toEqual([
    { line: 3, commands: 'one\ntwo\n' },
    { line: 10, commands: 'three\n' },
  ]);
});

test('a block that is not closed is a fault of the document', () => {
  expect(() => commandBlocks('```sh\none\n')).toThrow('line 2 is not closed');
});
