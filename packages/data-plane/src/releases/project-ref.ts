import { basename, resolve } from 'node:path';

/** Longest ref: with an org's label beside it a host label has at most 63 characters. */
const MAX_REF_CHARS = 40;

/**
 * The ref of the project that a folder becomes: its name in lower case, accents dropped, every run
 * of other characters than `a-z` and `0-9` one `-`, at most 40 characters. `null` when nothing is
 * left (`...`, `日本`): such a folder needs `name` in its karta.toml.
 */
export function projectRef(name: string): string | null {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_REF_CHARS)
    .replace(/^-+|-+$/g, '');
  return slug === '' ? null : slug;
}

/** Whether `ref` is one that {@link projectRef} could give. */
export function isProjectRef(ref: string): boolean {
  return projectRef(ref) === ref;
}

/** The name a folder goes by, also when it is given as `.` or with a slash at its end. */
export function folderName(folder: string): string {
  return basename(resolve(folder));
}
