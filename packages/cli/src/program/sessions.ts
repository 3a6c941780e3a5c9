import type { Command } from 'commander';
import { homeOption, jsonOption } from '../options.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Finish } from '../program.ts';

/** `karta sessions` and `karta logs`. */
export function addSessionCommands(program: Command, terminal: Terminal, finish: Finish): void {
  const sessions = program
    .command('sessions')
    .description('list the newest sessions of the org, or of the running server')
    .option('--project <ref>', 'of this project only')
    .option('--org <slug>', 'the org to work in')
    .option('--status <status>', 'of this status only')
    .option('--limit <number>', 'how many (default 20)')
    .addOption(homeOption())
    .addOption(jsonOption('a line of JSON per session'))
    .action(async (options) =>
      finish((await import('../commands/sessions.ts')).listSessions(options, terminal)),
    );
  sessions
    .command('show <id>')
    .description('show a session and its conversation')
    .action(async (id) =>
      finish((await import('../commands/sessions.ts')).showSession(id, sessions.opts(), terminal)),
    );
  sessions
    .command('end <id>')
    .description('end a session and destroy its workspace')
    .action(async (id) =>
      finish((await import('../commands/sessions.ts')).endSession(id, sessions.opts(), terminal)),
    );
  program
    .command('logs')
    .description('show what was said in the newest sessions; -f what happens in all of them')
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('--project <ref>', 'of this project only')
    .option('--org <slug>', 'the org to work in')
    .option('--limit <number>', 'how many sessions (default 5)')
    .addOption(homeOption())
    .addOption(jsonOption('lines of JSON'))
    .action(async (options) =>
      finish((await import('../commands/logs.ts')).logs(options, terminal)),
    );
}
