import { openTerminal } from '../src/output/terminal.ts';

/** A terminal whose two streams end in strings. */
export function captured(options: { tty?: boolean; env?: Record<string, string> } = {}) {
  const written = { out: '', err: '' };
  const terminal = openTerminal({
    stdout: { write: (text) => (written.out += text), isTTY: options.tty },
    stderr: { write: (text) => (written.err += text), isTTY: options.tty },
    stdin: { isTTY: options.tty },
    env: options.env ?? {},
  });
  return { terminal, written };
}
