import { jsonShape } from '@karta/protocol';
import { REQUEST_JSON_DEPTH, REQUEST_JSON_TOKENS } from '../limits.ts';

const BOUNDS = { depth: REQUEST_JSON_DEPTH, marks: REQUEST_JSON_TOKENS };

const PROBLEMS = {
  too_deep: `The body is nested deeper than ${REQUEST_JSON_DEPTH}.`,
  too_many: 'The body has too many members.',
} as const;

/** What the body of a request looks like: why it must not be parsed, for whoever sent it, or `null`. */
export function bodyShape(body: Buffer): { problem: string | null; members: number } {
  const { excess, members } = jsonShape(body, BOUNDS);
  return { problem: excess === null ? null : PROBLEMS[excess], members };
}
