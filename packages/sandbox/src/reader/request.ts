import { z } from 'zod';

/** One operation of the reader, as it is told to the program inside. */
export type ReaderRequest =
  | { operation: 'list'; root: string; prefix: string; limit: number }
  | { operation: 'read' | 'remove'; root: string; path: string }
  | { operation: 'write'; root: string; path: string; maxBytes: number }
  | { operation: 'query'; root: string; path: string; sql: string; params: readonly string[] };

/** First line of an answer. Strict, as whatever comes from a sandbox is hostile. */
const size = z.number().int().nonnegative();
const failure = z.strictObject({
  error: z.enum([
    'not_found',
    'not_a_file',
    'outside',
    'read_only',
    'too_large',
    'disk_full',
    'failed',
  ]),
  message: z.string().max(600),
});
export const sizeAnswer = z.union([z.strictObject({ ok: z.literal(true), size }), failure]);
export const plainAnswer = z.union([z.strictObject({ ok: z.literal(true) }), failure]);
export const listAnswer = z.union([
  z.strictObject({ ok: z.literal(true), truncated: z.boolean(), count: size }),
  failure,
]);

export const listedFile = z.strictObject({
  path: z.string().min(1).max(8192),
  size,
  modified_at: z.iso.datetime(),
  kind: z.enum(['file', 'link', 'other']),
});
