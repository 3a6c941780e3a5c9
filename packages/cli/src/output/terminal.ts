import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

interface Sink {
  write(text: string): unknown;
  isTTY?: boolean | undefined;
}

/** Where a command writes: answers to `out`, everything about them to `err`. */
export interface Terminal {
  /** The answer: what a pipe should get. */
  out(text: string): void;
  /** A line for the person at the terminal. */
  note(line: string): void;
  /** One JSON value as one line of the answer. */
  json(value: unknown): void;
  style(style: Style, text: string): string;
  /** A person can be asked: both ends are a terminal. */
  readonly interactive: boolean;
  /** The answer is read by a person, so that it must not steer the terminal. */
  readonly outIsTerminal: boolean;
}

export interface TerminalStreams {
  stdout: Sink;
  stderr: Sink;
  stdin: { isTTY?: boolean | undefined };
  env: Readonly<Record<string, string | undefined>>;
}

/** Colours only for a terminal, never with `NO_COLOR` (https://no-color.org) or `TERM=dumb`. */
export function coloursWanted(
  stream: Sink,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0') return true;
  return stream.isTTY === true && env.TERM !== 'dumb';
}

export function openTerminal(streams: TerminalStreams = process): Terminal {
  const coloured = coloursWanted(streams.stderr, streams.env);
  return {
    out: (text) => void streams.stdout.write(text),
    note: (line) => void streams.stderr.write(`${line}\n`),
    json: (value) => void streams.stdout.write(`${JSON.stringify(value)}\n`),
    style: (style, text) => (coloured ? styleText(style, text, { validateStream: false }) : text),
    outIsTerminal: streams.stdout.isTTY === true,
    interactive: streams.stdin.isTTY === true && streams.stderr.isTTY === true,
  };
}
