import { posix } from 'node:path';
import type { Entry } from './entry.ts';
import { RELEASE_LIMITS } from './limits.ts';

/** Where a path ends once all links on the way are followed, without touching a file system. */
export type Resolved =
  | { to: 'inside'; path: string }
  /** It names nothing of the folder, and does not leave it. */
  | { to: 'nothing' }
  | { to: 'outside' }
  | { to: 'circle' };

/** The folder's members by path, for following links among them. */
export type EntryMap = ReadonlyMap<string, Entry>;

/**
 * Follows `path` (relative to the folder, may be a link or pass through some) to its end. A link is
 * followed only by what the folder's members say, so no link, however chained, reaches a file of
 * the machine.
 */
export function resolvePath(entries: EntryMap, path: string): Resolved {
  let hops = 0;
  let pending = path.split('/');
  let at: string[] = [];
  while (pending.length > 0) {
    const [component, ...rest] = pending;
    pending = rest;
    if (component === undefined || component === '' || component === '.') continue;
    if (component === '..') {
      if (at.length === 0) return { to: 'outside' };
      at = at.slice(0, -1);
      continue;
    }
    const here = [...at, component].join('/');
    const entry = entries.get(here);
    if (entry?.kind !== 'link') {
      at = [...at, component];
      continue;
    }
    hops += 1;
    if (hops > RELEASE_LIMITS.linkHops) return { to: 'circle' };
    if (posix.isAbsolute(entry.target)) return { to: 'outside' };
    pending = [...entry.target.split('/'), ...pending];
  }
  const end = at.join('/');
  return end === '' || entries.has(end) ? { to: 'inside', path: end } : { to: 'nothing' };
}
