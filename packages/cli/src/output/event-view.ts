import { type EventType, formatDollars, type KartaEvent, moneyFromWire } from '@karta/protocol';
import { oneLine, plainText } from './plain-text.ts';
import type { Terminal } from './terminal.ts';

/** A tool's input or output is cut to this many characters on a terminal. */
const SHOWN_CHARS = 160;

export interface ViewOptions {
  /** Event types to leave out. */
  hidden?: readonly EventType[];
}

/**
 * Shows one conversation: what the agent says goes to the answer as it comes, everything else to
 * the person as dim lines of its own.
 */
export class EventView {
  readonly #terminal: Terminal;
  readonly #hidden: ReadonlySet<EventType>;
  /** Text has been written since the last line break. */
  #inLine = false;

  constructor(terminal: Terminal, options: ViewOptions = {}) {
    this.#terminal = terminal;
    this.#hidden = new Set(options.hidden);
  }

  show(event: KartaEvent): void {
    if (this.#hidden.has(event.type)) return;
    if (event.type === 'text') {
      this.#write(event.data.part.text);
      return;
    }
    const line = eventLine(event, this.#terminal);
    if (line === null) return;
    this.breakLine();
    this.#terminal.note(line);
  }

  /** Ends a line of text that is still open. */
  breakLine(): void {
    if (this.#inLine) this.#terminal.out('\n');
    this.#inLine = false;
  }

  #write(text: string): void {
    if (text === '') return;
    this.#terminal.out(this.#terminal.outIsTerminal ? plainText(text) : text);
    this.#inLine = !text.endsWith('\n');
  }
}

/** One line about an event that is no text, or `null` when there is nothing to say. */
export function eventLine(event: KartaEvent, terminal: Terminal): string | null {
  const dim = (text: string) => terminal.style('dim', text);
  switch (event.type) {
    case 'text':
      return plainText(event.data.part.text);
    case 'reasoning':
      return dim(plainText(event.data.part.text.trimEnd()));
    case 'tool_use':
      return `${terminal.style('cyan', `→ ${short(event.data.tool_name)}`)} ${dim(short(event.data.tool_input))}`;
    case 'tool_result':
      return `${event.data.is_error ? terminal.style('red', '✗') : dim('✓')} ${dim(short(event.data.output))}`;
    case 'input_required':
      return `${terminal.style('yellow', '? asks')} ${short(event.data.message)} ${dim(short(event.data.tool_input))}`;
    case 'input_resolved':
      return dim(`  ${event.data.decision} by ${event.data.by}`);
    case 'file':
      return dim(`± ${short(event.data.path)} (${event.data.change})`);
    case 'participant':
      return dim(`${short(event.data.name ?? event.data.participant_id)} ${event.data.change}`);
    case 'system':
      return dim(short([event.data.kind, event.data.message].filter(Boolean).join(': ')));
    case 'error':
      return terminal.style('red', `error ${event.data.code}: ${short(event.data.message)}`);
    case 'done':
      return dim(doneLine(event.data));
    case 'step_start':
    case 'step_finish':
      return null;
  }
}

function doneLine(data: Extract<KartaEvent, { type: 'done' }>['data']): string {
  const { input_tokens, output_tokens } = data.usage;
  const cost = data.cost === null ? [] : [formatDollars(moneyFromWire(data.cost))];
  const end = data.stop_reason === 'end_turn' ? [] : [data.stop_reason];
  return [...end, `${input_tokens} tokens in, ${output_tokens} out`, ...cost].join(' · ');
}

/** A value on one line, cut. */
function short(value: unknown): string {
  return oneLine(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), SHOWN_CHARS);
}
