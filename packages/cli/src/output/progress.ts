import type { Terminal } from './terminal.ts';

/** How often the line is written anew at most, in milliseconds. */
const EVERY_MS = 100;

/** One line of a terminal that tells how far something is. Silent when nobody looks. */
export interface Progress extends Disposable {
  show(text: string): void;
}

export function openProgress(terminal: Terminal): Progress {
  let last = Number.NEGATIVE_INFINITY;
  let shown = false;
  const clear = () => {
    if (shown) process.stderr.write('\r\x1b[K');
    shown = false;
  };
  return {
    show(text) {
      if (!terminal.interactive || performance.now() - last < EVERY_MS) return;
      last = performance.now();
      clear();
      process.stderr.write(text);
      shown = true;
    },
    [Symbol.dispose]: clear,
  };
}

const UNITS = ['B', 'kB', 'MB', 'GB'];

/** `1.4 MB`: a size for people. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
