import type { Entry } from './entry.ts';

const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;
const EXECUTABLE_MODE = 0o755;

/**
 * The mode of a member of a materialised tree: readable by every sandbox user, writable by none but
 * the owner, which is the platform. The owner's bit stays, so that a driver that gives a session
 * its own copy gives it one it can change.
 */
export function modeOf(entry: Exclude<Entry, { kind: 'link' }>): number {
  if (entry.kind === 'directory') return DIRECTORY_MODE;
  return entry.executable ? EXECUTABLE_MODE : FILE_MODE;
}
