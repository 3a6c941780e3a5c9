import { isId, KartaError } from '@karta/protocol';
import type { z } from 'zod';
import type { Family } from '../route.ts';

/** Operations on sessions are the same on both families. */
export const BOTH_FAMILIES: readonly Family[] = ['flat', 'project'];

/** An answer's content when it is JSON of this schema. */
export function jsonOf(schema: z.ZodType): Record<string, z.ZodType> {
  return { 'application/json': schema };
}

/** The session a path names. What cannot be an id is answered as one that does not exist. */
export function sessionIdOf(call: { param(name: string): string }): string {
  const id = call.param('session_id');
  if (!isId('session', id)) throw new KartaError('not_found');
  return id;
}
