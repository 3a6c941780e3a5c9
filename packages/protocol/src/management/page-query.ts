import { z } from 'zod';
import { LIMITS } from '../limits.ts';

const DEFAULT_LIMIT = 50;
const MAX_CURSOR_CHARS = 200;

/** Which page of a list: how many, and after which `next_cursor`. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.pageSize).default(DEFAULT_LIMIT),
  cursor: z.string().max(MAX_CURSOR_CHARS).optional(),
});
