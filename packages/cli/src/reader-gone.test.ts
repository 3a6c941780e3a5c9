import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { EXIT } from './exit-codes.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

it('ends without a word when nobody reads the answer any more, as `karta … | head` does', async () => {
  const child = spawn(process.execPath, [MAIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const [[code], said] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
  expect({ code, said }).toEqual({ code: EXIT.unread.code, said: '' });
});
