import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ChildCommand, messageOf, startChild } from './child.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-child-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function programOf(code: string): Promise<string> {
  const path = join(folder, 'main.ts');
  await writeFile(path, `import { createInterface } from 'node:readline';\n${code}`);
  return path;
}

const READY = `createInterface({ input: process.stdin })
  .once('line', (line) => console.log(JSON.stringify({ ready: true, line, env: process.env })))
  .once('close', () => process.exit(0));`;

function start(
  main: string,
  extra: Partial<Pick<ChildCommand, 'log' | 'readyMs' | 'engineOptions'>> = {},
) {
  return startChild(
    { name: 'thing', main, configuration: { secret: 's' }, log: extra.log ?? (() => {}), ...extra },
    (line) => line as { line: string; env: Record<string, string> },
  );
}

describe('a child', () => {
  test('gets its configuration on stdin and nothing of it in its environment', async () => {
    process.env.KARTA_TEST_SECRET = 'hidden';
    const child = await start(await programOf(READY));
    delete process.env.KARTA_TEST_SECRET;
    expect(JSON.parse(child.ready.line)).toEqual({ secret: 's' });
    expect(child.ready.env.KARTA_TEST_SECRET).toBeUndefined();
    await child.stop();
    expect(await child.ended).toMatchObject({ signal: 'SIGTERM' });
    await child.stop();
  });

  test('has little room for new objects, and no variable that would reach what it starts', async () => {
    const main = await programOf(
      READY.replace('line, env:', 'line: process.execArgv.join(), env:'),
    );
    const child = await start(main);
    expect(child.ready.line).toBe('--max-semi-space-size=8');
    expect(child.ready.env.NODE_OPTIONS).toBeUndefined();
    await child.stop();
    const roomy = await start(main, { engineOptions: [] });
    expect(roomy.ready.line).toBe('');
    await roomy.stop();
  });

  test('leaves none of its memory on disk when it crashes', async () => {
    const child = await start(
      await programOf(
        `import { readFileSync } from 'node:fs';
         const line = /Max core file size +(\\d+) +(\\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.slice(1).join();
         createInterface({ input: process.stdin })
           .once('line', () => console.log(JSON.stringify({ ready: true, line, env: {} })))
           .once('close', () => process.exit(0));`,
      ),
    );
    // What they mean, and that they hold, is tried in without-core.test.ts.
    expect(['1,1', '0,0']).toContain(child.ready.line);
    await child.stop();
  });

  test('that ends at its start is reported with its last words', async () => {
    const main = await programOf(
      `console.error(JSON.stringify({ level: 60, msg: 'no room', err: { message: 'ENOSPC' } }));
       process.exit(3);`,
    );
    const seen: string[] = [];
    await expect(start(main, { log: (line) => seen.push(line) })).rejects.toMatchObject({
      message: 'The thing ended at its start (exit 3)',
      details: ['no room: ENOSPC'],
    });
    expect(seen).toHaveLength(1);
  });

  test('that never becomes ready is killed', async () => {
    const main = await programOf('setInterval(() => {}, 1e6);');
    await expect(start(main, { readyMs: 300 })).rejects.toThrow('did not become ready in time');
  });

  test('that dies later says how', async () => {
    const child = await start(await programOf(READY));
    child.kill();
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
  });
});

test('log lines are quoted by their message', () => {
  expect(messageOf('{"level":30,"msg":"serving"}')).toBe('serving');
  expect(messageOf('Segmentation fault')).toBe('Segmentation fault');
});
