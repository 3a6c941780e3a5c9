import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** What a test folder holds: text, `{ link }` or `{ run }` (an executable file). */
export type FolderSpec = Readonly<Record<string, string | { link: string } | { run: string }>>;

/** An empty folder that is removed when the test ends. */
export async function tempFolder(prefix = 'karta-test-'): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Writes `spec` below `root`, making folders on the way; a path that ends in `/` is a folder. */
export async function fillFolder(root: string, spec: FolderSpec): Promise<string> {
  for (const [path, content] of Object.entries(spec)) {
    const target = join(root, path);
    if (path.endsWith('/')) {
      await mkdir(target, { recursive: true });
      continue;
    }
    await mkdir(dirname(target), { recursive: true });
    if (typeof content === 'string') await writeFile(target, content);
    else if ('link' in content) await symlink(content.link, target);
    else {
      await writeFile(target, content.run);
      await chmod(target, 0o755);
    }
  }
  return root;
}

/** A folder with this content, removed when the test ends. */
export async function folderOf(spec: FolderSpec): Promise<string> {
  return fillFolder(await tempFolder(), spec);
}
