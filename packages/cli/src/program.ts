import { Command } from 'commander';
import packageFile from '../package.json' with { type: 'json' };
import { EXIT } from './exit-codes.ts';
import { homeOption, jsonOption, sandboxOption } from './options.ts';
import type { Terminal } from './output/terminal.ts';
import { addAccountCommands } from './program/account.ts';
import { addOperatorCommands } from './program/operator.ts';
import { addPlatformCommands } from './program/platform.ts';
import { addProviderKeyCommands } from './program/provider-keys.ts';
import { addReleaseCommands } from './program/releases.ts';
import { addServeCommand } from './program/serve.ts';
import { addSessionCommands } from './program/sessions.ts';

const EXAMPLES = `
Examples:
  karta serve examples/support-bot     serve a folder on http://localhost:8000
  karta dev .                          serve this folder, publish it again when it changes
  karta run "When are you open?"       one message, the answer streams to the terminal
  karta deploy examples/support-bot    publish a folder, print its URL
  karta rollback                       back to the release before
  karta doctor                         what this machine has and lacks

Environment:
  ANTHROPIC_API_KEY, OPENAI_API_KEY    a real model; without them the embedded demo model answers
  ANTHROPIC_BASE_URL, OPENAI_BASE_URL  another server of the same wire format
  OPENROUTER_API_KEY, …                other providers: docs/upstreams.md
  KARTA_HOME, KARTA_PORT, KARTA_HOST   defaults of --home, --port, --host
  KARTA_KEY, KARTA_CONTROL_URL         an API key and its control plane, where nobody signs in
  KARTA_URL                            the data plane (default: what the control plane says)
  KARTA_ORG                            the org to work in, default of --org
  NO_COLOR                             no colours

Exit codes:
${Object.values(EXIT)
  .map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`)
  .join('\n')}`;

/** Runs a command and keeps the exit code it resolves with. */
export type Finish = (work: Promise<number> | number) => Promise<void>;

/** The command line of `karta`. Each command's module is loaded when it runs. */
export function buildProgram(terminal: Terminal, finish: Finish): Command {
  const program = new Command('karta')
    .description('Turns a folder of an agent harness into a streaming session API.')
    .version(packageFile.version)
    .addHelpText('after', EXAMPLES)
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true });

  addServeCommand(program, terminal, finish);
  program
    .command('dev [folder...]')
    .description('serve, publish again on each change, show what happens in all sessions')
    .option('--port <number>', 'port, 0 for any (default 8000)')
    .option('--control-port <number>', 'of the control plane (default: the one after --port)')
    .option('--operator-port <number>', 'of the admin plane (default: the one after that)')
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .addOption(homeOption())
    .addOption(sandboxOption())
    .addOption(jsonOption('events as lines of JSON'))
    .action(async (folders, options) =>
      finish((await import('./commands/dev.ts')).dev(folders, options, terminal)),
    );
  talkOptions(
    program
      .command('run <text>')
      .description('send one message and stream the answer; starts a server when none runs'),
  ).action(async (text, options) =>
    finish((await import('./commands/run.ts')).run(text, options, terminal)),
  );
  talkOptions(program.command('chat').description('talk to an application, turn by turn')).action(
    async (options) => finish((await import('./commands/chat.ts')).chat(options, terminal)),
  );
  addSessionCommands(program, terminal, finish);
  addReleaseCommands(program, terminal, finish);
  addAccountCommands(program, terminal, finish);
  addPlatformCommands(program, terminal, finish);
  addOperatorCommands(program, terminal, finish);
  addProviderKeyCommands(program, terminal, finish);
  program
    .command('doctor')
    .description('show what this machine has: isolation, harnesses, database, room')
    .option('--port <number>', 'port to check (default 8000)')
    .addOption(homeOption())
    .addOption(jsonOption('one JSON document'))
    .action(async (options) =>
      finish((await import('./commands/doctor.ts')).doctor(options, terminal)),
    );
  program
    .command('completion <shell>')
    .description('print a completion script for bash or zsh')
    .action(async (shell) =>
      finish((await import('./commands/completion.ts')).completion(shell, program, terminal)),
    );
  nameUnknownCommands(program);
  return program;
}

/** Of a command that lists by itself, what follows it is a command that there is not. */
function nameUnknownCommands(program: Command): void {
  for (const command of program.commands) {
    nameUnknownCommands(command);
    if (command.commands.length === 0 || command.registeredArguments.length > 0) continue;
    const names = command.commands.map((one) => one.name()).join(', ');
    command.allowExcessArguments().hook('preAction', (_, called) => {
      const [unknown] = called === command ? command.args : [];
      if (unknown === undefined) return;
      const known = `Commands of ${command.name()}: ${names}. By itself: ${command.description()}.`;
      command.error(`error: unknown command '${unknown}' of ${command.name()}\n${known}`);
    });
  }
}

function talkOptions(command: Command): Command {
  return command
    .option('--folder <folder>', 'an application here (default: the one served, or this folder)')
    .option('--project <ref>', 'a project of the server (default: its default one)')
    .option('--org <slug>', 'the org to work in, when signed in')
    .option('--session <id>', 'go on with this session')
    .option('--agent <name>', 'one of the application’s agents')
    .option('--thinking', 'show the model’s reasoning')
    .option('--approve <answer>', 'answer approvals by itself: once, session or deny')
    .addOption(homeOption())
    .addOption(sandboxOption())
    .addOption(jsonOption('events as lines of JSON'));
}
