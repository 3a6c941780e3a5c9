import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { ProtectedPath } from '../port.ts';

/**
 * Puts the protected paths back to what the release has. Without namespaces a change cannot be
 * prevented, only undone; what is unchanged is not touched, as a running harness may watch it.
 */
export function restoreProtected(
  release: string,
  workspace: string,
  paths: readonly ProtectedPath[],
): void {
  for (const { path, whenAbsent } of paths) {
    const wanted = join(release, path);
    const actual = join(workspace, path);
    if (present(wanted)) {
      if (same(wanted, actual)) continue;
      rmSync(actual, { recursive: true, force: true });
      mkdirSync(dirname(actual), { recursive: true });
      cpSync(wanted, actual, { recursive: true, verbatimSymlinks: true });
      makeWritable(actual);
    } else if (whenAbsent === 'remove') {
      rmSync(actual, { recursive: true, force: true });
    } else if (!emptyDirectory(actual)) {
      rmSync(actual, { recursive: true, force: true });
      mkdirSync(actual, { recursive: true });
    }
  }
}

/** A release is read-only, and its copy is to be worked in. */
export function makeWritable(path: string): void {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return;
  chmodSync(path, stat.mode | 0o200);
  if (!stat.isDirectory()) return;
  for (const name of readdirSync(path)) makeWritable(join(path, name));
}

function present(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function emptyDirectory(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && readdirSync(path).length === 0;
}

function same(wanted: string, actual: string): boolean {
  const a = lstatSync(wanted);
  const b = lstatSync(actual, { throwIfNoEntry: false });
  if (b === undefined) return false;
  if (a.isSymbolicLink())
    return b.isSymbolicLink() && readlinkSync(wanted) === readlinkSync(actual);
  if (a.isDirectory()) {
    if (!b.isDirectory()) return false;
    const names = readdirSync(wanted).sort();
    const found = readdirSync(actual).sort();
    if (names.length !== found.length || names.some((name, at) => name !== found[at])) return false;
    return names.every((name) => same(join(wanted, name), join(actual, name)));
  }
  return b.isFile() && a.size === b.size && readFileSync(wanted).equals(readFileSync(actual));
}
