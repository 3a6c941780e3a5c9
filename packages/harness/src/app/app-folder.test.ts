import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { appFolderOf, MAX_TEXT_BYTES, readAppFolder } from './app-folder.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'karta-app-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(path: string, text: string): Promise<void> {
  const parts = path.split('/').slice(0, -1);
  await mkdir(join(root, ...parts), { recursive: true });
  await writeFile(join(root, path), text);
}

it('lists files sorted, with paths relative to the folder', async () => {
  await write('CLAUDE.md', 'hello');
  await write('.claude/agents/b.md', 'b');
  await write('.claude/agents/a.md', 'a');
  const app = await readAppFolder(root);
  expect(app.paths).toEqual(['.claude/agents/a.md', '.claude/agents/b.md', 'CLAUDE.md']);
  expect(app.text('.claude/agents/a.md')).toBe('a');
  expect(app.text('absent.md')).toBeNull();
});

it('names links and follows none, to files or to folders', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'karta-outside-'));
  try {
    await writeFile(join(outside, 'secret.md'), 'secret');
    await symlink(join(outside, 'secret.md'), join(root, 'link.md'));
    await symlink(outside, join(root, 'folder'));
    const app = await readAppFolder(root);
    expect(app.paths).toEqual(['folder', 'link.md']);
    expect(app.text('link.md')).toBeNull();
    expect(app.text('folder/secret.md')).toBeNull();
    expect(app.text('../secret.md')).toBeNull();
  } finally {
    await rm(outside, { recursive: true, force: true });
  }
});

it('reads a file over the limit as absent', async () => {
  await write('big.md', 'x'.repeat(MAX_TEXT_BYTES + 1));
  await write('full.md', 'x'.repeat(MAX_TEXT_BYTES));
  const app = await readAppFolder(root);
  expect(app.text('big.md')).toBeNull();
  expect(app.text('full.md')).toHaveLength(MAX_TEXT_BYTES);
});

it('leaves out .git and node_modules', async () => {
  await write('.git/HEAD', 'ref');
  await write('node_modules/x/index.js', '');
  await write('AGENTS.md', '');
  expect((await readAppFolder(root)).paths).toEqual(['AGENTS.md']);
});

it('refuses a folder nested without end', async () => {
  await write(`${'d/'.repeat(70)}x.md`, '');
  await expect(readAppFolder(root)).rejects.toThrow(/nested too deep/);
});

it('is made of texts as well', () => {
  const app = appFolderOf({ 'b.md': 'B', 'a.md': 'A' });
  expect(app.paths).toEqual(['a.md', 'b.md']);
  expect(app.text('b.md')).toBe('B');
  expect(app.text('toString')).toBeNull();
});
