import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packFolder } from './pack-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-pack-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** Members of the archive: a file's text, `/` of a folder, `-> target` of a link. */
async function packed(): Promise<Record<string, string>> {
  const result = await packFolder(folder);
  const bytes = Buffer.from(await result.archive.arrayBuffer());
  const members: Record<string, string> = {};
  const tar = Readable.from([bytes]).pipe(createGunzip()).pipe(extract());
  for await (const entry of tar) {
    let text = '';
    for await (const chunk of entry) text += String(chunk);
    const { name, type, linkname } = entry.header;
    members[name] = type === 'directory' ? '/' : type === 'symlink' ? `-> ${linkname}` : text;
  }
  return members;
}

test('files, folders and links are packed; .git never is', async () => {
  await put({ 'AGENTS.md': '# Hi', 'a/b.txt': 'b', '.git/config': 'x', 'a/.git/config': 'x' });
  await mkdir(join(folder, 'empty'));
  await symlink('a/b.txt', join(folder, 'link'));
  expect(await packed()).toEqual({
    'AGENTS.md': '# Hi',
    a: '/',
    'a/b.txt': 'b',
    empty: '/',
    link: '-> a/b.txt',
  });
});

describe('what git ignores', () => {
  test('is left out, with rules of inner folders and what they take back', async () => {
    await put({
      '.gitignore': 'node_modules\n*.log\n/build/\n',
      'AGENTS.md': 'x',
      'node_modules/m/index.js': 'x',
      'a.log': 'x',
      'build/out': 'x',
      'src/build/kept': 'kept',
      'src/.gitignore': '!important.log\nsecret.txt\n',
      'src/important.log': 'kept',
      'src/secret.txt': 'x',
      'secret.txt': 'kept',
    });
    const members = Object.entries(await packed()).filter(([, content]) => content !== '/');
    const names = members.map(([name]) => name);
    expect(names).toEqual([
      '.gitignore',
      'AGENTS.md',
      'secret.txt',
      'src/.gitignore',
      'src/build/kept',
      'src/important.log',
    ]);
  });

  test('can be taken back, and more left out, by .kartaignore', async () => {
    await put({
      '.gitignore': 'dist\n.env\n',
      '.kartaignore': '!dist\nnotes\n',
      'dist/tool.js': 'kept',
      '.env': 'SECRET=1',
      'notes/private.md': 'x',
      'AGENTS.md': 'x',
    });
    const names = Object.keys(await packed());
    expect(names).toEqual(['.gitignore', '.kartaignore', 'AGENTS.md', 'dist', 'dist/tool.js']);
  });

  test('may be anything, also what could never be published', async () => {
    await put({ '.gitignore': 'out\n', 'AGENTS.md': 'x' });
    await symlink('/etc', join(folder, 'out'));
    expect(Object.keys(await packed())).toEqual(['.gitignore', 'AGENTS.md']);
  });
});

test('the same content gives the same bytes, whenever it was written', async () => {
  await put({ 'AGENTS.md': '# Hi' });
  const bytes = async () => {
    const result = await packFolder(folder);
    return Buffer.from(await result.archive.arrayBuffer()).toString('hex');
  };
  const before = await bytes();
  await utimes(join(folder, 'AGENTS.md'), new Date(0), new Date(0));
  expect(await bytes()).toBe(before);
});

test('what cannot be published is told with its place', async () => {
  await put({ 'AGENTS.md': 'x' });
  await symlink('/etc/passwd', join(folder, 'passwd'));
  await expect(packFolder(folder)).rejects.toMatchObject({
    exit: 'application',
    details: [expect.stringContaining('passwd')],
  });
  await expect(packFolder(join(folder, 'AGENTS.md'))).rejects.toThrow('is not a folder');
  await expect(packFolder(join(folder, 'nowhere'))).rejects.toThrow('does not exist');
});

test('a folder without a file says what an application needs', async () => {
  await mkdir(join(folder, 'empty'));
  await expect(packFolder(folder)).rejects.toMatchObject({
    exit: 'application',
    next: expect.stringContaining('AGENTS.md'),
  });
});
