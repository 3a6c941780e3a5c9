import { EXIT, type ExitName } from './exit-codes.ts';

/** A failure that a person can act on: what happened, what to do next, and the exit code. */
export class CliError extends Error {
  readonly exit: ExitName;
  /** The next step, as a sentence or a command. */
  readonly next: string;
  /** More lines, such as an application's problems with file and line. */
  readonly details: readonly string[];

  constructor(
    exit: ExitName,
    message: string,
    next: string,
    options: { details?: readonly string[]; cause?: unknown } = {},
  ) {
    // Whoever tells it ends the sentence; a server has ended its own.
    super(
      message.replace(/\.$/, ''),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'CliError';
    this.exit = exit;
    this.next = next;
    this.details = options.details ?? [];
  }

  get exitCode(): number {
    return EXIT[this.exit].code;
  }
}
