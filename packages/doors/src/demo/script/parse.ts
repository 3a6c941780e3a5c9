import { z } from 'zod';
import { BadPrompt } from '../prompt.ts';

/** The longest pause a script may ask for, in milliseconds. */
const MAX_PAUSE_MS = 600_000;
/** The most deltas of one step. */
const MAX_DELTAS = 100_000;

/** One model call of a script. Without any field it is an empty answer. */
export const scriptStep = z.strictObject({
  think: z.string().optional(),
  text: z.string().optional(),
  tools: z.array(z.strictObject({ name: z.string(), input: z.unknown() })).optional(),
  /**
   * Deltas of `text`: it is cut into `n` pieces, or, when it has fewer characters than that, sent
   * `n` times.
   */
  n: z.int().positive().max(MAX_DELTAS).default(1),
  /** Milliseconds between two deltas. */
  gap: z.number().nonnegative().max(MAX_PAUSE_MS).default(0),
  /** Milliseconds before the first byte. */
  delay: z.number().nonnegative().max(MAX_PAUSE_MS).default(0),
  /** Refuse with this status, in the provider's envelope. */
  err: z.literal([400, 401, 402, 429, 500, 529]).optional(),
  /** Refuse the first so many tries of this step only. */
  times: z.int().positive().optional(),
  /** Send what is given, then never end. */
  hang: z.boolean().default(false),
  /** Send what is given, then cut the connection. */
  break: z.boolean().default(false),
  /** Of the input's tokens, those the provider's cache answered and those it stored. */
  cache_read: z.int().nonnegative().default(0),
  cache_write: z.int().nonnegative().default(0),
});
export type ScriptStep = z.infer<typeof scriptStep>;

const script = z.array(scriptStep).min(1);

/** `@@[…]@@` is for the model that reads it, `%%[…]%%` travels inside it to a sub-agent. */
const OWN = /@@(\[[\s\S]*?\])@@/;
const CARRIED = /%%(\[[\s\S]*?\])%%/;

/** The source of the script in a text, or `null`. */
export function scriptIn(text: string): string | null {
  return (OWN.exec(text) ?? CARRIED.exec(text))?.[1] ?? null;
}

/** Reads a script. Throws {@link BadPrompt} with what is wrong. */
export function parseScript(source: string): ScriptStep[] {
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch (error) {
    throw new BadPrompt(`the script is not JSON: ${(error as SyntaxError).message}`);
  }
  const parsed = script.safeParse(json);
  if (!parsed.success) throw new BadPrompt(`the script is wrong: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
