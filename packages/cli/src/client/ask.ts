import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { CliError } from '../cli-error.ts';
import type { Terminal } from '../output/terminal.ts';

/** Asks a person, or takes the next line of a pipe. */
export interface Asker extends Disposable {
  ask(question: string): Promise<string>;
  /** Shows nothing of what is typed. */
  askSecret(question: string): Promise<string>;
}

/**
 * Opens standard input for questions. At a terminal they are shown; from a pipe each takes one line
 * in silence. Answers throw `CliError` when the input ends, or the person presses Ctrl-C.
 */
export function openAsker(terminal: Terminal, input: NodeJS.ReadableStream = process.stdin): Asker {
  let hidden = false;
  const echo = new Writable({
    write(chunk, _encoding, done) {
      if (!hidden) process.stderr.write(chunk);
      done();
    },
  });
  const lines = createInterface({
    input,
    ...(terminal.interactive ? { output: echo, terminal: true } : { terminal: false }),
  });
  const waiting = linesOf(lines);

  async function next(question: string): Promise<string> {
    if (terminal.interactive) process.stderr.write(question);
    const line = await waiting();
    if (line !== null) return line;
    throw new CliError('usage', `Nobody answered: ${question.trim()}`, 'Type it, or pipe it in.');
  }

  return {
    ask: next,
    async askSecret(question) {
      const answer = next(question);
      hidden = true;
      try {
        return await answer;
      } finally {
        hidden = false;
        if (terminal.interactive) process.stderr.write('\n');
      }
    },
    [Symbol.dispose]: () => lines.close(),
  };
}

/** The next line each time, or `null` at the end. Lines that come early are kept. */
function linesOf(lines: Interface): () => Promise<string | null> {
  const come: string[] = [];
  let ended = false;
  let wake: (() => void) | null = null;
  lines.on('line', (line) => {
    come.push(line);
    wake?.();
  });
  lines.on('SIGINT', () => lines.close());
  lines.on('close', () => {
    ended = true;
    wake?.();
  });
  return async () => {
    while (come.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
    return come.shift() ?? null;
  };
}
