import { Buffer, isUtf8 } from 'node:buffer';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppProblem } from '@karta/harness';
import { byPath, type Entry } from './entry.ts';
import { EXCLUDED_NAMES, RELEASE_LIMITS } from './limits.ts';
import { resolvePath } from './links.ts';
import { memberPathFault, printable } from './member-path.ts';
import { appError } from './problem.ts';

/** Problems told of one walk; more of the same kind help nobody. */
const MAX_PROBLEMS = 20;

/**
 * Whether a member of `folder` is left out, with all that is in it. Asked for each folder (`''` is
 * the root) before its members are looked at.
 */
export type LeavesOut = (folder: string) => Promise<(path: string, isFolder: boolean) => boolean>;

/**
 * The members of an application folder, sorted by path, and what is wrong with them: devices,
 * FIFOs, sockets, links that lead out, names and sizes beyond {@link RELEASE_LIMITS}. Rejects with
 * the file system's error when a folder cannot be read.
 */
export async function walkFolder(
  root: string,
  leavesOut: LeavesOut = async () => () => false,
): Promise<{ entries: Entry[]; problems: AppProblem[] }> {
  const entries: Entry[] = [];
  const problems: AppProblem[] = [];
  let totalBytes = 0;
  const folders = [''];

  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const isLeftOut = await leavesOut(folder);
    for (const raw of await readdir(join(root, folder), { encoding: 'buffer' })) {
      const name = raw.toString('utf8');
      if (EXCLUDED_NAMES.has(name)) continue;
      const path = folder === '' ? name : `${folder}/${name}`;
      const fault = isUtf8(raw) ? memberPathFault(path) : 'has a name that is not UTF-8';
      if (fault !== null) {
        problems.push(appError(printable(path), 0, fault));
        if (problems.length >= MAX_PROBLEMS) return { entries: [], problems };
        continue;
      }
      const entry = await entryAt(root, path);
      if (isLeftOut(path, typeof entry !== 'string' && entry.kind === 'directory')) continue;
      if (typeof entry === 'string') {
        problems.push(appError(path, 0, entry));
      } else {
        entries.push(entry);
        if (entry.kind === 'directory') folders.push(path);
        if (entry.kind === 'file') totalBytes += entry.size;
      }
      const excess = excessOf(entries.length, totalBytes);
      if (excess !== null) problems.push(appError('', 0, excess));
      if (excess !== null || problems.length >= MAX_PROBLEMS) return { entries: [], problems };
    }
  }
  entries.sort(byPath);
  problems.push(...linkProblems(entries).slice(0, MAX_PROBLEMS));
  return { entries, problems };
}

/** The member at `path`, or why it cannot be one. */
async function entryAt(root: string, path: string): Promise<Entry | string> {
  const stat = await lstat(join(root, path));
  if (stat.isDirectory()) return { kind: 'directory', path };
  if (stat.isSymbolicLink()) {
    const target = await readlink(join(root, path), { encoding: 'buffer' });
    if (!isUtf8(target)) return 'is a link to a name that is not UTF-8';
    return { kind: 'link', path, target: Buffer.from(target).toString('utf8') };
  }
  if (stat.isFile()) {
    if (stat.size > RELEASE_LIMITS.fileBytes) {
      return `is ${stat.size} bytes; a file may have ${RELEASE_LIMITS.fileBytes}`;
    }
    const executable = (stat.mode & 0o111) !== 0;
    return { kind: 'file', path, source: path, size: stat.size, executable };
  }
  if (stat.isFIFO()) return 'is a FIFO; only files, folders and links can be published';
  if (stat.isSocket()) return 'is a socket; only files, folders and links can be published';
  return 'is a device; only files, folders and links can be published';
}

function excessOf(members: number, totalBytes: number): string | null {
  if (members > RELEASE_LIMITS.members) {
    return `the folder has more than ${RELEASE_LIMITS.members} files and folders`;
  }
  if (totalBytes > RELEASE_LIMITS.totalBytes) {
    return `the folder's files have more than ${RELEASE_LIMITS.totalBytes} bytes in all`;
  }
  return null;
}

function linkProblems(entries: readonly Entry[]): AppProblem[] {
  const byName = new Map(entries.map((entry) => [entry.path, entry]));
  const problems: AppProblem[] = [];
  for (const entry of entries) {
    if (entry.kind !== 'link') continue;
    const { to } = resolvePath(byName, entry.path);
    const target = printable(entry.target);
    if (to === 'outside') {
      problems.push(appError(entry.path, 0, `is a link out of the folder (to ${target})`));
    } else if (to === 'circle') {
      problems.push(appError(entry.path, 0, `is a link in a circle (to ${target})`));
    }
  }
  return problems;
}
