import { jsonExcess } from '@karta/protocol';
import { REQUEST_JSON_DEPTH, REQUEST_JSON_TOKENS } from '../limits.ts';

const BOUNDS = { depth: REQUEST_JSON_DEPTH, marks: REQUEST_JSON_TOKENS };

const PROBLEMS = {
  too_deep: `The body is nested deeper than ${REQUEST_JSON_DEPTH}.`,
  too_many: 'The body has too many members.',
} as const;

/** Why the body of a request must not be parsed, for whoever sent it, or `null`. */
export function bodyExcess(body: Buffer): string | null {
  const excess = jsonExcess(body, BOUNDS);
  return excess === null ? null : PROBLEMS[excess];
}
