import { RELEASE_LIMITS } from './limits.ts';

/**
 * Why `path` may not be a member of a release, or `null` when it may. A member path is relative,
 * normal (no `.`, `..` or empty component), printable and short, so that it means the same on
 * every machine and in every log line.
 */
export function memberPathFault(path: string): string | null {
  if (path === '') return 'has no name';
  if (path.startsWith('/')) return 'is an absolute path';
  if (!path.isWellFormed()) return 'is not well-formed Unicode';
  if (hasControlCharacter(path)) return 'has control characters in its name';
  if (path.includes('\\')) return 'has a backslash in its name';
  if (Buffer.byteLength(path) > RELEASE_LIMITS.pathBytes) {
    return `has a path longer than ${RELEASE_LIMITS.pathBytes} bytes`;
  }
  const components = path.split('/');
  if (components.length > RELEASE_LIMITS.depth) {
    return `lies deeper than ${RELEASE_LIMITS.depth} folders`;
  }
  for (const component of components) {
    if (component === '' || component === '.') return 'is not a normal path';
    if (component === '..') return 'leads out of the folder';
    if (Buffer.byteLength(component) > RELEASE_LIMITS.nameBytes) {
      return `has a name longer than ${RELEASE_LIMITS.nameBytes} bytes`;
    }
  }
  return null;
}

/** A name for people to read: control characters and broken Unicode made visible. */
export function printable(path: string): string {
  const quoted = JSON.stringify(path.toWellFormed()).slice(1, -1);
  return quoted.length > 200 ? `${quoted.slice(0, 200)}…` : quoted;
}

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}
