import type { AppProblem } from '@karta/harness';
import { byPath, type Entry } from './entry.ts';
import { RELEASE_LIMITS } from './limits.ts';
import { type EntryMap, resolvePath } from './links.ts';
import { appError } from './problem.ts';

/** Folders and files by which an application rules its agent, at the top of the folder. */
const CONFIG_NAMES: ReadonlySet<string> = new Set([
  '.claude',
  '.opencode',
  'CLAUDE.md',
  'AGENTS.md',
  '.mcp.json',
  'opencode.json',
  'opencode.jsonc',
  'karta.toml',
]);

/**
 * Replaces every link among the configuration by a copy of what it names. A sandbox protects the
 * configuration by path; a link there (`.claude/skills -> ../skills`) would leave the agent free to
 * rewrite its rules at the link's other end.
 */
export function resolveConfigLinks(entries: readonly Entry[]): {
  entries: Entry[];
  problems: AppProblem[];
} {
  const members: EntryMap = new Map(entries.map((entry) => [entry.path, entry]));
  const result: Entry[] = [];
  const problems: AppProblem[] = [];

  const add = (entry: Entry, as: string, depth: number): void => {
    if (result.length > RELEASE_LIMITS.members) return;
    if (entry.kind !== 'link') {
      result.push({ ...entry, path: as });
      return;
    }
    const resolved = resolvePath(members, entry.path);
    if (resolved.to !== 'inside' || depth > MAX_NESTING) {
      const why = resolved.to === 'nothing' ? 'to nothing' : 'in a circle';
      problems.push(appError(entry.path, 0, `is a link ${why}; configuration must be real files`));
      return;
    }
    const target = members.get(resolved.path);
    if (target !== undefined && target.kind !== 'directory') {
      add(target, as, depth + 1);
      return;
    }
    result.push({ kind: 'directory', path: as });
    const prefix = resolved.path === '' ? '' : `${resolved.path}/`;
    for (const child of entries) {
      if (!child.path.startsWith(prefix) || child.path === resolved.path) continue;
      add(child, `${as}/${child.path.slice(prefix.length)}`, depth + 1);
    }
  };

  for (const entry of entries) {
    if (entry.kind === 'link' && isConfig(entry.path)) add(entry, entry.path, 0);
    else result.push(entry);
  }
  if (result.length > RELEASE_LIMITS.members) {
    problems.push(appError('', 0, 'links among the configuration name too many files'));
    return { entries: [], problems };
  }
  return { entries: result.sort(byPath), problems };
}

/** Links within linked folders that are followed; more means that a folder holds itself. */
const MAX_NESTING = 8;

function isConfig(path: string): boolean {
  return CONFIG_NAMES.has(path.split('/', 1)[0] ?? '');
}
