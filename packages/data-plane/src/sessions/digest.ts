import { createHash } from 'node:crypto';

/** SHA-256, hex. */
export function digestOf(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    // Lengths keep ("ab","c") and ("a","bc") apart.
    hash.update(`${part.length}:`).update(part);
  }
  return hash.digest('hex');
}
