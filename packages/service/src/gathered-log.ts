/** Where lines go in the end; each write is done when it returns. */
export interface LineDestination {
  write(lines: string): unknown;
}

/**
 * Log lines that one round of events brings, in one write: each costs as much as some hundred lines
 * of code. They are written before anything else is waited for, and when the process ends.
 */
export class GatheredLog {
  readonly #destination: LineDestination;
  #lines = '';

  constructor(destination: LineDestination) {
    this.#destination = destination;
    process.on('exit', () => this.flush());
  }

  write(line: string): void {
    if (this.#lines === '') setImmediate(flush, this);
    this.#lines += line;
  }

  /** Writes what has been gathered. */
  flush(): void {
    const lines = this.#lines;
    this.#lines = '';
    if (lines !== '') this.#destination.write(lines);
  }
}

function flush(log: GatheredLog): void {
  log.flush();
}
