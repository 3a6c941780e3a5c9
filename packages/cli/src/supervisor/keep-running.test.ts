import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Child, startChild } from './child.ts';
import { keepRunning } from './keep-running.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-keep-'));
  const main = 'console.log(JSON.stringify({ ready: true })); process.stdin.resume();\n';
  await writeFile(
    join(folder, 'steady.mjs'),
    `${main}process.stdin.on('end', () => process.exit());`,
  );
  await writeFile(join(folder, 'broken.mjs'), 'process.exit(3);');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ready {
  ready: true;
}

function start(file: string): Promise<Child<Ready>> {
  const command = { name: 'plane', main: join(folder, file), configuration: {}, log: () => {} };
  return startChild(command, (line) => line as Ready);
}

test('a process that dies is started again with what it first said', async () => {
  const told: string[] = [];
  const firsts: (Ready | null)[] = [];
  const children: Child<Ready>[] = [];
  const kept = await keepRunning<Ready>(
    async (first) => {
      firsts.push(first);
      const child = await start('steady.mjs');
      children.push(child);
      return child;
    },
    (message) => told.push(message),
  );
  children[0]?.kill();
  await expect.poll(() => told.at(-1)).toBe('The plane started again.');
  expect(told[0]).toBe('The plane ended unexpectedly (SIGKILL); starting again.');
  expect(firsts).toEqual([null, { ready: true }]);
  await kept.stop();
  expect(await children[1]?.ended).toMatchObject({ signal: 'SIGTERM' });
});

test('one that does not come up again is given up, with its last words', async () => {
  let starts = 0;
  const children: Child<Ready>[] = [];
  const kept = await keepRunning<Ready>(
    async () => {
      const child = await start(starts++ === 0 ? 'steady.mjs' : 'broken.mjs');
      children.push(child);
      return child;
    },
    () => {},
  );
  children[0]?.kill();
  expect(await kept.gaveUp).toMatch(/^the plane could not be started again: .*exit 3/);
});
