import { DEFAULT_OUTPUT_TOKENS, MIN_OUTPUT_TOKENS } from '../budgets/limits.ts';
import { boundInput } from './bound-input.ts';
import { exactJson } from './exact-json.ts';
import { ANSWERS, askedOutput, type BilledRoute, limitOutput } from './output-limit.ts';
import { type PromptBeginning, promptBeginnings } from './prompt-beginnings.ts';
import type { Route } from './routes.ts';

/** A call of which it is known what it can take at the most. */
export interface BoundCall {
  /** More than its input can be, in tokens. */
  input: number;
  /** It asks for the cache that is kept for an hour. */
  longCache: boolean;
  /** Of its prompt: what of it was counted before bounds its input more closely. */
  beginnings: readonly PromptBeginning[];
  /** Output of all its answers: the least that is worth sending, and what it asks for. */
  minOutput: number;
  wantedOutput: number;
  /** Its body, with at most so much output in all; `null`: whatever it asks for. */
  bodyWithin(output: number | null): Buffer;
}

type Json = Record<string, unknown>;

/** Bounds a call that a cap rules, or says why it cannot be. */
export function boundCall(route: Route, body: Buffer): BoundCall | { problem: string } {
  let request: Json;
  try {
    request = exactJson(body) as Json;
  } catch {
    return { problem: 'The body is not JSON.' };
  }
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    return { problem: 'The body must be a JSON object.' };
  }
  const name = route.name as BilledRoute;
  const input = boundInput(route.family, request, body.length);
  if ('problem' in input) return input;
  const asked = askedOutput(name, request);
  if (asked === null)
    return { problem: `n must be a whole number of answers, at most ${ANSWERS}.` };
  const { answers } = asked;
  const limit = asked.limit ?? DEFAULT_OUTPUT_TOKENS;
  return {
    input: input.tokens,
    longCache: input.longCache,
    beginnings: promptBeginnings({ family: route.family, name }, request),
    minOutput: answers * Math.min(limit, MIN_OUTPUT_TOKENS),
    wantedOutput: answers * limit,
    bodyWithin(output) {
      if (output !== null) limitOutput(name, request, Math.floor(output / answers));
      return Buffer.from(JSON.stringify(request));
    },
  };
}
