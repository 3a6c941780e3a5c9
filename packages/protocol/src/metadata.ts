import { z } from 'zod';
import { LIMITS } from './limits.ts';
import { cleanText, utf8Bytes } from './text.ts';

/** A session's metadata: any JSON values under at most 50 keys, 16 KB in all. */
export type Metadata = Record<string, unknown>;

function hasOnlyCleanText(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (Array.isArray(value)) return value.every(hasOnlyCleanText);
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).every(
      ([key, inner]) => hasOnlyCleanText(key) && hasOnlyCleanText(inner),
    );
  }
  return true;
}

/** Metadata as a client sends it. `null` as a value removes the key wherever metadata is merged. */
export const metadataInput = z
  .record(cleanText.min(1), z.unknown())
  .refine((value) => Object.keys(value).length <= LIMITS.metadataKeys, {
    message: `must have at most ${LIMITS.metadataKeys} keys`,
  })
  .refine((value) => utf8Bytes(JSON.stringify(value)) <= LIMITS.metadataBytes, {
    message: `must be at most ${LIMITS.metadataBytes} bytes as JSON`,
  })
  .refine(hasOnlyCleanText, { message: 'must be well-formed Unicode without NUL characters' });

/**
 * `current` with `change` merged in: a key set to `null` is removed, any other value replaces the
 * whole value of its key.
 */
export function mergeMetadata(current: Metadata, change: Metadata): Metadata {
  const merged: Metadata = Object.assign(Object.create(null), current);
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete merged[key];
    else merged[key] = value;
  }
  return { ...merged };
}

/** Why `metadata` may not be stored, or `null` when it may. Checked again after every merge. */
export function metadataProblem(metadata: Metadata): string | null {
  const checked = metadataInput.safeParse(metadata);
  return checked.success ? null : (checked.error.issues[0]?.message ?? 'is not valid metadata');
}
