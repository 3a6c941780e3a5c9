import { CommanderError } from 'commander';
import { CliError } from './cli-error.ts';
import { asCliError } from './client/server-failure.ts';
import { EXIT } from './exit-codes.ts';
import { plainText } from './output/plain-text.ts';
import { openTerminal, type Terminal } from './output/terminal.ts';
import { buildProgram } from './program.ts';

/** Runs `karta` with these arguments. Resolves with the exit code; prints every failure. */
export async function runCommandLine(
  argv: readonly string[],
  terminal: Terminal = openTerminal(),
): Promise<number> {
  let code: number = EXIT.ok.code;
  const program = buildProgram(terminal, async (work) => {
    code = await work;
  });
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return EXIT.ok.code;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage.code;
    return report(asCliError(error), terminal, argv.includes('--json'));
  }
}

function report(error: unknown, terminal: Terminal, json: boolean): number {
  const known =
    error instanceof CliError
      ? error
      : new CliError(
          'failed',
          error instanceof Error ? error.message : String(error),
          'This is a fault of Karta: please report it with the lines above.',
        );
  if (json) {
    const { message, next, details, exit } = known;
    terminal.json({ error: { exit, message, next, details } });
    return known.exitCode;
  }
  if (known !== error && error instanceof Error) terminal.note(error.stack ?? error.message);
  // Much of it may quote an application or what runs in a sandbox.
  terminal.note(`${terminal.style('red', 'error')} ${plainText(known.message)}.`);
  for (const detail of known.details) terminal.note(`  ${plainText(detail)}`);
  terminal.note(plainText(known.next));
  return known.exitCode;
}
