import { join, posix } from 'node:path';
import { HOME_INSIDE, WORKSPACE_INSIDE } from '../spec/check-spec.ts';

/** Where the inside paths of a sandbox without namespaces really are. */
export interface Places {
  workspace: string;
  home: string;
  tmp: string;
  /** Real path by inside path, of tools and files. */
  bound: ReadonlyMap<string, string>;
}

/**
 * Maps an inside path by its longest known ancestor; a path of no such ancestor is the host's own.
 * What is a real place already stays, so that a mapped path may be mapped again: a tool's own place
 * on the host may well lie below `/tmp`.
 */
export function place(places: Places, inside: string): string {
  if (isReal(places, inside)) return inside;
  const known = new Map([
    ...places.bound,
    [WORKSPACE_INSIDE, places.workspace] as const,
    [HOME_INSIDE, places.home] as const,
    ['/tmp', places.tmp] as const,
  ]);
  for (let at = posix.normalize(inside); at !== '/' && at !== '.'; at = posix.dirname(at)) {
    const real = known.get(at);
    if (real !== undefined) return join(real, inside.slice(at.length));
  }
  return inside;
}

function isReal({ workspace, home, tmp, bound }: Places, path: string): boolean {
  const roots = [workspace, home, tmp, ...bound.values()];
  return roots.some((root) => path === root || path.startsWith(`${root}/`));
}
