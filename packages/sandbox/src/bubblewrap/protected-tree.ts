import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { ProtectedPath } from '../port.ts';

/** A protected path as the release has it; links have been followed, within the release only. */
export interface ProtectedEntry {
  path: string;
  kind: 'directory' | 'file' | 'empty' | 'absent';
  /** The real file or folder of the release, of the first two kinds. */
  source: string | null;
}

/**
 * Looks the protected paths up in the release, a tree that no sandboxed code can write. A link out
 * of the release counts as absent.
 */
export async function protectedEntries(
  release: string,
  paths: readonly ProtectedPath[],
): Promise<ProtectedEntry[]> {
  const root = await realpath(release);
  const entries: ProtectedEntry[] = [];
  for (const { path, whenAbsent } of outermost(paths)) {
    const source = await realpath(join(root, path)).catch(() => null);
    if (source === null || !source.startsWith(root + sep)) {
      entries.push({ path, kind: whenAbsent === 'directory' ? 'empty' : 'absent', source: null });
      continue;
    }
    const kind = (await stat(source)).isDirectory() ? 'directory' : 'file';
    entries.push({ path, kind, source });
  }
  return entries;
}

/** Without the paths that lie below another one, and without doubles. */
function outermost(paths: readonly ProtectedPath[]): ProtectedPath[] {
  const all = new Map(paths.map((entry) => [entry.path, entry]));
  return [...all.values()].filter(({ path }) => {
    const parts = path.split('/');
    return !parts.some((_, index) => index > 0 && all.has(parts.slice(0, index).join('/')));
  });
}
