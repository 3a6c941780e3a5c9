import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withoutCore } from './without-core.ts';

const MODULE = new URL('./without-core.ts', import.meta.url).href;

const run = promisify(execFile);
/** Put together at run time: it is in no file but a dump. */
const SECRET = ['sk', 'in', 'memory', '4711'].join('-');
/** A small program that crashes. */
const CRASH = 'key=sk-in; key=$key-memory; key=$key-4711; kill -ABRT $$';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-core-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the shell says of a command's end, and whether a dump with the secret lies in the folder. */
async function crashed([command, args]: [string, string[]]) {
  const shell = ['-c', 'ulimit -c unlimited; "$@"; :', 'sh', command, ...args];
  const { stderr } = await run('/bin/sh', shell, { cwd: folder });
  const names = await readdir(folder);
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  await Promise.all(names.map((name) => rm(join(folder, name))));
  return {
    aborted: /Aborted/.test(stderr),
    dumped: /core dumped/.test(stderr),
    found: files.some((bytes) => bytes.includes(SECRET)),
  };
}

it('a crash leaves no memory behind, where one without it does', async ({ skip }) => {
  const pattern = await readFile('/proc/sys/kernel/core_pattern', 'utf8');
  const control = await crashed(['/bin/sh', ['-c', CRASH]]).catch(() => null);
  if (control?.dumped !== true) return skip('this machine lets no process leave a dump');
  if (!/[|/]/.test(pattern)) expect(control).toEqual({ aborted: true, dumped: true, found: true });
  const held = await crashed(withoutCore('/bin/sh', ['-c', CRASH]));
  expect(held).toEqual({ aborted: true, dumped: false, found: false });
  const itself = `import { leaveNoCore } from '${MODULE}'; await leaveNoCore(); process.abort();`;
  const options = ['--input-type=module-typescript', '-e', itself];
  const left = await crashed([process.execPath, options]);
  expect(left).toEqual({ aborted: true, dumped: false, found: false });
});
