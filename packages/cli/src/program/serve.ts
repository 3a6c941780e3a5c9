import { type Command, Option } from 'commander';
import { homeOption, jsonOption, sandboxOption } from '../options.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Finish } from '../program.ts';
import { RUNGS } from '../supervisor/settings.ts';

/** `karta serve`: a whole server, or one of its parts. */
export function addServeCommand(program: Command, terminal: Terminal, finish: Finish): void {
  const serve = program
    .command('serve [folder...]')
    .description('serve applications over HTTP; without a folder, those served before')
    .option('--port <number>', 'port, 0 for any (default 8000)')
    .option('--control-port <number>', 'of the control plane (default: the one after --port)')
    .option('--operator-port <number>', 'of the admin plane (default: the one after that)')
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .addOption(homeOption())
    .addOption(sandboxOption())
    .addOption(new Option('--min-isolation <rung>', 'refuse to start below it').choices(RUNGS))
    .option('--warm <number>', 'started sandboxes kept per application (default 1)')
    .addOption(new Option('--try <text>', 'the question in the printed curl line').hideHelp())
    .addOption(jsonOption('one line of JSON when ready'))
    .action(async (folders, options) =>
      finish((await import('../commands/serve.ts')).serve(folders, options, terminal)),
    );
  const part = () => import('../commands/serve-part.ts');
  serve
    .command('control')
    .description('the control plane alone; KARTA_NODES names the data planes')
    .action(async () => finish((await part()).serveControl(serve.opts(), terminal)));
  serve
    .command('data')
    .description('a data plane alone; KARTA_CONTROL names the control plane')
    .action(async () => finish((await part()).serveData(serve.opts(), terminal)));
  serve
    .command('doors')
    .description('the doors alone, of the data plane in the same home; KARTA_CONTROL as there')
    .action(async () => finish((await part()).serveDoors(serve.opts(), terminal)));
  program
    .command('plane-key <plane>')
    .description('print the public key of this home’s control plane, data plane or doors')
    .addOption(homeOption())
    .action(async (plane, options) =>
      finish((await part()).printPlaneKey(plane, options, terminal)),
    );
}
