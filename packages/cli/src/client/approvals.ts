import { createInterface } from 'node:readline/promises';
import type { Decision, EventDataOf } from '@karta/protocol';
import { CliError } from '../cli-error.ts';
import { oneLine } from '../output/plain-text.ts';
import type { Terminal } from '../output/terminal.ts';

/** What the agent asks. */
export type Ask = EventDataOf<'input_required'>;

export interface Answer {
  decision: Decision;
  message?: string;
}

/** Who answers the agent's questions. Aborting the signal ends a question to a person. */
export type Approver = (ask: Ask, signal: AbortSignal) => Promise<Answer>;

const NOBODY =
  'Nobody is at the terminal to approve this. Go on without it, or say what you would have done.';
const DENIED = 'The person denied this. Go on without it, or ask what to do instead.';
/** How much of a tool's input a question shows. */
const SHOWN_CHARS = 600;

const POLICIES: Readonly<Record<string, Answer>> = {
  once: { decision: 'approve_once' },
  session: { decision: 'approve_session' },
  deny: { decision: 'deny', message: DENIED },
};

/**
 * `--approve` decides; without it a person at the terminal; without one everything is denied.
 * Throws `CliError` when the option is unknown.
 */
export function approver(policy: string | undefined, terminal: Terminal): Approver {
  if (policy !== undefined) {
    const answer = POLICIES[policy];
    if (answer !== undefined) return async () => answer;
    const known = Object.keys(POLICIES).join(', ');
    throw new CliError('usage', `--approve cannot be "${policy}"`, `Choose ${known}.`);
  }
  if (!terminal.interactive) return async () => ({ decision: 'deny', message: NOBODY });
  return (ask, signal) => askPerson(ask, terminal, signal);
}

async function askPerson(ask: Ask, terminal: Terminal, signal: AbortSignal): Promise<Answer> {
  const line = createInterface({ input: process.stdin, output: process.stderr });
  try {
    if (ask.kind === 'question') {
      const answer = await line.question(`${questionText(ask)} `, { signal });
      return { decision: 'approve_once', message: answer };
    }
    terminal.note(`  ${inputText(ask.tool_input)}`);
    for (;;) {
      const typed = await line.question('Allow? [o]nce, for the [s]ession, or [d]eny: ', {
        signal,
      });
      const answer = answerTo(typed);
      if (answer !== null) return answer;
    }
  } finally {
    line.close();
  }
}

/** A question and the answers it offers, as both may stand on a terminal. */
export function questionText({ message, options }: Pick<Ask, 'message' | 'options'>): string {
  const offered = options.length === 0 ? '' : ` (${oneLine(options.join(', '), SHOWN_CHARS)})`;
  return `${oneLine(message, SHOWN_CHARS)}${offered}`;
}

/** What a tool is to do. A cut is told: what is hidden would be allowed as well. */
export function inputText(input: unknown): string {
  const text = JSON.stringify(input) ?? '';
  const hidden = text.length - SHOWN_CHARS;
  return `${oneLine(text, SHOWN_CHARS)}${hidden > 0 ? ` [${hidden} more characters not shown]` : ''}`;
}

/** What a person typed, or `null` when it must be asked again. An empty line decides nothing. */
export function answerTo(typed: string): Answer | null {
  const word = typed.trim().toLowerCase();
  if (word === '') return null;
  const policy = Object.keys(POLICIES).find((name) => name.startsWith(word));
  return policy === undefined ? null : (POLICIES[policy] ?? null);
}
