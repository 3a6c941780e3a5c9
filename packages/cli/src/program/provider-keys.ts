import type { Command } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import type { Finish } from '../program.ts';
import { accountOptions } from './account-options.ts';

/** `karta provider-keys`: the org's own keys of model providers. */
export function addProviderKeyCommands(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/provider-keys.ts');
  const keys = accountOptions(program.command('provider-keys'))
    .description('list the org’s own keys of model providers')
    .action(async (options) => finish((await module()).listProviderKeys(options, terminal)));
  keys
    .command('set <provider>')
    .description('set a key, typed or piped in; the one before is destroyed')
    .option('--base-url <url>', 'of an openai-compatible server, with its /v1')
    .option('--responses', 'it has OpenAI’s Responses beside Chat Completions')
    .option('--region <region>', 'of bedrock')
    .option('--location <location>', 'of vertex')
    .action(async (provider, own) =>
      finish((await module()).setProviderKey(provider, { ...keys.opts(), ...own }, terminal)),
    );
  keys
    .command('test <provider>')
    .description('ask the provider whether it takes the key')
    .action(async (provider) =>
      finish((await module()).testProviderKey(provider, keys.opts(), terminal)),
    );
  keys
    .command('remove <provider>')
    .description('destroy a key; nobody can read it any more')
    .action(async (provider) =>
      finish((await module()).removeProviderKey(provider, keys.opts(), terminal)),
    );
  keys
    .command('fallback <on-or-off>')
    .description('whether calls go on with the platform’s key where an own one is refused')
    .action(async (choice) =>
      finish((await module()).chooseFallback(choice, keys.opts(), terminal)),
    );
}
