import { MIN_OUTPUT_TOKENS, MIN_THINKING_TOKENS } from '../budgets/limits.ts';
import { COUNTED_TOKENS } from '../limits.ts';
import type { RouteName } from './routes.ts';

/** Answers that a request can ask for at once: as many as OpenAI gives. */
export const ANSWERS = 128;

type Json = Record<string, unknown>;

/** Routes whose calls are billed. */
export type BilledRoute = Extract<RouteName, 'messages' | 'chat' | 'responses'>;

/** What a request says of its output. */
export interface AskedOutput {
  /** The limit that it names, of each answer; `null` without one. */
  limit: number | null;
  /** Answers that it asks for at once. */
  answers: number;
}

/**
 * Reads the output limit of a parsed request; one beyond all that is ever counted as that. `null`: it
 * asks for a number of answers that is none.
 */
export function askedOutput(route: BilledRoute, request: Json): AskedOutput | null {
  const limits = MEMBERS[route].map((member) => request[member]).filter(isCount);
  const limit = limits.length === 0 ? null : Math.min(COUNTED_TOKENS, ...limits);
  const answers = route === 'chat' ? (request.n ?? 1) : 1;
  return isCount(answers) && answers <= ANSWERS ? { limit, answers } : null;
}

/**
 * Has the provider end each answer after `limit` tokens at the latest, in place of what the request
 * says. Thinking must end before the answer does: its budget is lowered with it, and where what is
 * left is less than a provider takes, there is no thinking.
 */
export function limitOutput(route: BilledRoute, request: Json, limit: number): void {
  const [usual, ...others] = MEMBERS[route];
  const named = others.find((member) => isCount(request[member]) && !isCount(request[usual]));
  for (const member of MEMBERS[route]) delete request[member];
  request[named ?? usual] = limit;
  if (route === 'messages') limitThinking(request, limit);
}

/** Where each wire names its limit; the first where none was named. */
const MEMBERS: Record<BilledRoute, readonly [string, ...string[]]> = {
  messages: ['max_tokens'],
  chat: ['max_completion_tokens', 'max_tokens'],
  responses: ['max_output_tokens'],
};

function limitThinking(request: Json, limit: number): void {
  const thinking = request.thinking as Json | null | undefined;
  const budget = thinking?.budget_tokens;
  if (thinking == null || budget === undefined) return;
  const most = limit - MIN_OUTPUT_TOKENS;
  if (isCount(budget) && budget <= most) return;
  if (most < MIN_THINKING_TOKENS) request.thinking = { type: 'disabled' };
  else request.thinking = { ...thinking, budget_tokens: most };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
