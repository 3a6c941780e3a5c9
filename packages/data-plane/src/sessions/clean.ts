/**
 * A name that came from a sandbox, as PostgreSQL takes it and a person can read it: no NUL, no lone
 * surrogate, and of bounded length.
 */
export function cleanName(value: string, maxChars = 1024): string {
  return value.slice(0, maxChars).toWellFormed().replaceAll('\0', '\u{fffd}');
}
