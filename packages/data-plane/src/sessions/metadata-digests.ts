import { canonicalJson, type Metadata } from '@karta/protocol';
import { digestOf } from './digest.ts';

/** The digest by which a session is found by one key of its metadata and the key's value. */
export function metadataDigest(key: string, value: unknown): string {
  return digestOf(key, canonicalJson(value));
}

/** One digest for each key. */
export function metadataDigests(metadata: Metadata): string[] {
  return Object.entries(metadata).map(([key, value]) => metadataDigest(key, value));
}

/**
 * The digests that `metadata[key]=text` of a query string may mean: the string itself, and the
 * number or boolean that is written so.
 */
export function filterDigests(key: string, text: string): string[] {
  const digests = [metadataDigest(key, text)];
  const scalar = scalarWrittenAs(text);
  if (scalar !== undefined) digests.push(metadataDigest(key, scalar));
  return digests;
}

function scalarWrittenAs(text: string): number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined;
}
