import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ownFolder } from './own-folder.ts';

/** Nobody's, as that of a process which gives up root. */
const OWNER = 60_577;
const root = process.getuid?.() === 0;

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-own-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

it('is the folder itself for who stays who they are', async () => {
  const folder = join(home, 'a', 'b');
  expect(await ownFolder(folder, null)).toBe(folder);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

it.runIf(root)(
  'becomes the owner’s with all in it, links themselves and not what they name',
  async () => {
    const folder = join(home, 'blobs');
    await mkdir(join(folder, 'ab'), { recursive: true });
    await writeFile(join(folder, 'ab', 'x'), 'content');
    await writeFile(join(home, 'secret'), '');
    await symlink(join(home, 'secret'), join(folder, 'link'));
    const path = await ownFolder(folder, OWNER);
    expect(await readFile(join(path, 'ab', 'x'), 'utf8')).toBe('content');
    for (const name of ['', 'ab', 'ab/x']) {
      expect((await stat(join(folder, name))).uid, name).toBe(OWNER);
    }
    expect((await stat(join(home, 'secret'))).uid).toBe(0);
  },
);

it.runIf(root)('is reached by who gave up root, through a home that is not theirs', async () => {
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url));
  const script = `
    import { readFile, writeFile } from 'node:fs/promises';
    const { ownFolder } = await import(${module('./own-folder.ts')});
    const { dropTo } = await import(${module('./drop-user.ts')});
    const home = ${JSON.stringify(home)};
    await writeFile(home + '/secret', 'root alone', { mode: 0o600 });
    const folder = await ownFolder(home + '/mine', ${OWNER});
    dropTo(${OWNER});
    await writeFile(folder + '/new', 'mine');
    const refused = await readFile(home + '/secret').catch((error) => error.code);
    const back = (() => { try { process.setuid(0); return 'root'; } catch (error) { return error.code; } })();
    console.log(JSON.stringify([process.getuid(), process.getgid(), refused, back]));
  `;
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect(JSON.parse(ran.stdout || ran.stderr)).toEqual([OWNER, OWNER, 'EACCES', 'EPERM']);
  expect((await stat(join(home, 'mine', 'new'))).uid).toBe(OWNER);
});
