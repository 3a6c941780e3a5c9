import { flushCompileCache } from 'node:module';

/** The user to become, or `null` to stay who we are: not asked for, or not root. */
export function userToBecome(runAs: number | undefined): number | null {
  return runAs !== undefined && process.getuid?.() === 0 ? runAs : null;
}

/**
 * Becomes an ordinary user for good, with the group of the same number and no other group. All
 * modules must be loaded before: their files may be out of the new user's reach, as the cache of
 * compiled code is, which would otherwise be written when the process ends.
 */
export function dropTo(uid: number): void {
  flushCompileCache();
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
}
