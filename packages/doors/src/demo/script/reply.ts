import type { Refusal } from '../../wire/errors.ts';
import type { Reply } from '../reply.ts';
import type { ScriptStep } from './parse.ts';

const REFUSALS: Record<NonNullable<ScriptStep['err']>, Refusal> = {
  400: 'invalid_request',
  401: 'unauthenticated',
  402: 'budget_exhausted',
  429: 'rate_limited',
  500: 'internal',
  529: 'overloaded',
};

/** The refusal that a step asks for on this try, or `null`. */
export function refusalOf(step: ScriptStep, triesBefore: number): Refusal | null {
  if (step.err === undefined) return null;
  return step.times === undefined || triesBefore < step.times ? REFUSALS[step.err] : null;
}

/** The answer that a step describes. */
export function replyOf(step: ScriptStep): Reply {
  const tools = step.tools ?? [];
  return {
    thinking: step.think ? [step.think] : [],
    text: pieces(step.text ?? '', step.n),
    tools,
    stop: tools.length > 0 ? 'tools' : 'end',
    cacheRead: step.cache_read,
    cacheWrite: step.cache_write,
    pace: {
      delayMs: step.delay,
      gapMs: step.gap,
      ending: step.break ? 'break' : step.hang ? 'hang' : 'complete',
    },
  };
}

function pieces(text: string, count: number): string[] {
  if (text === '') return [];
  if (count === 1) return [text];
  const characters = [...text];
  if (characters.length < count) return new Array<string>(count).fill(text);
  const cut = (index: number) => Math.round((index * characters.length) / count);
  return Array.from({ length: count }, (_, index) =>
    characters.slice(cut(index), cut(index + 1)).join(''),
  );
}
