import { z } from 'zod';

/**
 * Text that every part can store and send: well-formed UTF-16 (a lone surrogate has no UTF-8 form)
 * and no NUL, which PostgreSQL refuses.
 */
export const cleanText = z
  .string()
  .refine((value) => value.isWellFormed() && !value.includes('\0'), {
    message: 'must be well-formed Unicode without NUL characters',
  });

/** Bytes of `value` in UTF-8. */
export function utf8Bytes(value: string): number {
  return new TextEncoder().encode(value).length;
}
