import type { Prompt } from '../prompt.ts';
import { AT_ONCE, type Reply, say } from '../reply.ts';

/** Milliseconds between two words, so that an answer reads as if it were being written. */
const WORD_GAP_MS = 15;

/** The demo model's own words. */
export function talk(_prompt: Prompt): Reply {
  const text = 'I am the demo model embedded in Karta; no provider key is set.';
  return say(text.match(/\S+\s*/g) ?? [], { ...AT_ONCE, gapMs: WORD_GAP_MS });
}
