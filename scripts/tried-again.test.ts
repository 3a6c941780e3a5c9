import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TRIED_AGAIN_FILE } from './tried-again.ts';

const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const REPORTER = fileURLToPath(new URL('tried-again.ts', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-tried-again-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('names what passed only when it was tried again, and nothing else', async () => {
  const list = join(folder, 'list.json');
  await writeFile(
    join(folder, 'a.test.js'),
    `let tries = 0;
     describe('a stand', () => {
       test('wobbles', () => { tries += 1; expect(tries).toBe(2); });
       test('holds', () => {});
       test('falls', () => { throw new Error('always'); });
     });`,
  );
  const args = [VITEST, 'run', '--root', folder, '--globals', '--retry=1'];
  const run = promisify(execFile)(process.execPath, [...args, `--reporter=${REPORTER}`], {
    env: { ...process.env, [TRIED_AGAIN_FILE]: list },
  });
  await expect(run).rejects.toMatchObject({ code: 1 });
  expect(JSON.parse(await readFile(list, 'utf8'))).toEqual(['a.test.js > a stand > wobbles']);
});
