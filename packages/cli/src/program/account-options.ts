import type { Command } from 'commander';
import { homeOption, jsonOption } from '../options.ts';

/** What every command takes that manages something of an org. */
export function accountOptions(command: Command): Command {
  return command
    .option('--org <slug>', 'the org to work in')
    .addOption(homeOption())
    .addOption(jsonOption('lines of JSON'));
}
