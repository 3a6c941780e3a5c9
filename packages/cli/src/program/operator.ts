import type { Command } from 'commander';
import { homeOption, jsonOption } from '../options.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Finish } from '../program.ts';

/** What whoever runs the server does on its admin plane. */
export function addOperatorCommands(program: Command, terminal: Terminal, finish: Finish): void {
  const operator = program.command('operator').description('run a server: its keys, its prices');
  const login = () => import('../commands/operator/login.ts');
  withOptions(operator.command('login'))
    .description('sign in to the admin plane; the password and the code are asked')
    .option('--url <address>', 'the admin plane (default: http://localhost:8002)')
    .option('--email <address>', 'who you are')
    .action(async (options) => finish((await login()).operatorLogin(options, terminal)));
  withOptions(operator.command('logout'))
    .description('end the login')
    .action(async (options) => finish((await login()).operatorLogout(options, terminal)));

  const planeKeys = () => import('../commands/operator/plane-keys.ts');
  const keys = withOptions(operator.command('keys'))
    .description('list the keys by which the planes know each other')
    .action(async (options) => finish((await planeKeys()).listPlaneKeys(options, terminal)));
  keys
    .command('rotate')
    .description('make fresh ones, while everybody serves; the former count two minutes more')
    .option('--of <plane>', 'control, node or doors (default: all)')
    .option('--node <id>', 'of this data plane only')
    .option('--compromised', 'the former count no more once the new ones are used')
    .action(async (own) =>
      finish((await planeKeys()).rotatePlaneKeys({ ...keys.opts(), ...own }, terminal)),
    );

  const ofNodes = () => import('../commands/operator/nodes.ts');
  const nodes = withOptions(operator.command('nodes'))
    .description('list the data planes, and what their doors hold of budgets')
    .action(async (options) => finish((await ofNodes()).listNodes(options, terminal)));
  nodes
    .command('retire <node>')
    .description('say that one is gone: its doors spend nothing more')
    .option('--return-untold', 'give back what it never told of; the default holds it reserved')
    .action(async (node, own) =>
      finish((await ofNodes()).retireNode(node, { ...nodes.opts(), ...own }, terminal)),
    );

  const setPrices = () => import('../commands/operator/prices.ts');
  const prices = withOptions(operator.command('prices'))
    .description('list the prices that were set here beside the built-in ones')
    .action(async (options) => finish((await setPrices()).listSetPrices(options, terminal)));
  prices
    .command('set <provider> <model>')
    .description('set what a model costs, in dollars for a million tokens; "name*" fits its kin')
    .requiredOption('--input <dollars>', 'tokens that are sent')
    .requiredOption('--output <dollars>', 'tokens that are answered')
    .option('--cache-read <dollars>', 'tokens from a cache (default: as --input)')
    .option('--cache-write <dollars>', 'tokens into a cache (default: as --input)')
    .option('--from <time>', 'such as 2027-01-01T00:00:00Z (default: now)')
    .action(async (provider, model, own) =>
      finish((await setPrices()).setPrice(provider, model, { ...prices.opts(), ...own }, terminal)),
    );
}

function withOptions(command: Command): Command {
  return command.addOption(homeOption()).addOption(jsonOption('one JSON document'));
}
