import { createHash } from 'node:crypto';

/**
 * JSON with sorted keys, so that equal values have equal text. What JSON cannot hold is left out
 * as `JSON.stringify` does.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(JSON.parse(JSON.stringify(value) ?? 'null')));
}

/** SHA-256, hex. */
export function digestOf(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    // Lengths keep ("ab","c") and ("a","bc") apart.
    hash.update(`${part.length}:`).update(part);
  }
  return hash.digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const keys = Object.keys(value).sort();
  // Entries, not assignment: a key may be `__proto__`.
  return Object.fromEntries(
    keys.map((key) => [key, sorted((value as Record<string, unknown>)[key])]),
  );
}
