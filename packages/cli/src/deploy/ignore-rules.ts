import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LeavesOut } from '@karta/data-plane/releases';
import ignore, { type Ignore } from 'ignore';

/** Files of patterns, each in its folder and for all below. Later ones go before earlier ones. */
const RULE_FILES = ['.gitignore', '.kartaignore'] as const;

/**
 * What a deploy of `root` leaves out: what git would ignore by the `.gitignore` files in it, and what
 * `.kartaignore` files say in the same language. A `.kartaignore` can take back (`!dist`) what git
 * ignores. Files above the folder do not count.
 */
export function ignoreRules(root: string): LeavesOut {
  const rules = new Map<string, Ignore>();
  return async (folder) => {
    const own = await rulesOf(join(root, folder));
    if (own !== null) rules.set(folder, own);
    const scopes = foldersDownTo(folder).flatMap((scope) => {
      const known = rules.get(scope);
      return known === undefined ? [] : [{ scope, known }];
    });
    return (path, isFolder) => {
      let leftOut = false;
      for (const { scope, known } of scopes) {
        const relative = scope === '' ? path : path.slice(scope.length + 1);
        const { ignored, unignored } = known.test(isFolder ? `${relative}/` : relative);
        if (ignored) leftOut = true;
        if (unignored) leftOut = false;
      }
      return leftOut;
    };
  };
}

/** `''`, `a`, `a/b` for `a/b`: a folder nearer to the file has the last word. */
function foldersDownTo(folder: string): string[] {
  if (folder === '') return [''];
  const parts = folder.split('/');
  return ['', ...parts.map((_, index) => parts.slice(0, index + 1).join('/'))];
}

async function rulesOf(folder: string): Promise<Ignore | null> {
  const texts: string[] = [];
  for (const name of RULE_FILES) {
    const text = await readFile(join(folder, name), 'utf8').catch(unreadable);
    if (text !== null) texts.push(text);
  }
  return texts.length === 0 ? null : ignore().add(texts.join('\n'));
}

/** A folder of that name, or none: there are no rules. Whoever may not read them is told. */
function unreadable(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'EISDIR' || error.code === 'ELOOP') return null;
  throw error;
}
