import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VERDICTS_FILE } from './verdicts.ts';

const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const REPORTER = fileURLToPath(new URL('verdicts.ts', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-verdicts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('names what failed, and what passed only when it was tried again', async () => {
  const list = join(folder, 'list.json');
  await writeFile(
    join(folder, 'a.test.js'),
    `let tries = 0;
     describe('a stand', () => {
       test('wobbles', () => { tries += 1; expect(tries).toBe(2); });
       test('holds', () => {});
       test('falls', () => { throw new Error('always'); });
     });
     describe('a stool', () => {
       beforeAll(() => { throw new Error('not there'); });
       test('holds', () => {});
     });
     setTimeout(() => { throw new Error('nobody waits'); });
     test('waits', () => new Promise((done) => setTimeout(done, 50)));`,
  );
  await writeFile(join(folder, 'b.test.js'), `throw new Error('does not load');`);
  const args = [VITEST, 'run', '--root', folder, '--globals', '--retry=1'];
  const run = promisify(execFile)(process.execPath, [...args, `--reporter=${REPORTER}`], {
    env: { ...process.env, [VERDICTS_FILE]: list },
  });
  await expect(run).rejects.toMatchObject({ code: 1 });
  const { triedAgain, failed, uncaught } = JSON.parse(await readFile(list, 'utf8'));
  expect(triedAgain).toEqual([
    expect.stringMatching(
      /^a\.test\.js > a stand > wobbles: expected 1 to be 2 .* at .*a\.test\.js/,
    ),
  ]);
  expect(failed.toSorted()).toEqual([
    expect.stringMatching(/^a\.test\.js > a stand > falls: always; always at .*a\.test\.js/),
    expect.stringMatching(/^a\.test\.js > a stool: not there at /),
    expect.stringMatching(/^b\.test\.js: does not load at /),
  ]);
  expect(uncaught).toEqual([expect.stringMatching(/^nobody waits at /)]);
});
