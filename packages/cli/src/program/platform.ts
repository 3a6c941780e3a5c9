import type { Command } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import type { Finish } from '../program.ts';
import { accountOptions } from './account-options.ts';
import { countArgument, listArgument } from './arguments.ts';

/** Keys, webhooks, usage and the audit log. */
export function addPlatformCommands(program: Command, terminal: Terminal, finish: Finish): void {
  addKeys(program, terminal, finish);
  addWebhooks(program, terminal, finish);
  accountOptions(program.command('usage'))
    .description('show what was used, by day')
    .option('--from <day>', 'such as 2026-11-01 (default: 30 days ago)')
    .option('--to <day>', 'included (default: today)')
    .option(
      '--by <groups>',
      'day, model, provider, project, key, end_user, mode, paid_by; by commas',
    )
    .option('--project <ref>', 'of this project only')
    .option('--csv', 'as comma-separated values')
    .action(async (options) =>
      finish((await import('../commands/platform/usage.ts')).showUsage(options, terminal)),
    );
  accountOptions(program.command('prices'))
    .description('show what models cost, in dollars for a million tokens')
    .option('--provider <provider>', 'such as anthropic')
    .option('--model <name>', 'only what fits a model of this name')
    .action(async (options) =>
      finish((await import('../commands/platform/prices.ts')).showPrices(options, terminal)),
    );
  addBudgets(program, terminal, finish);
  addLimits(program, terminal, finish);
  addBilling(program, terminal, finish);
  addAudit(program, terminal, finish);
}

function addBudgets(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/budgets.ts');
  const budgets = accountOptions(program.command('budgets'))
    .description('list the caps of the org, and what is left of them')
    .action(async (options) => finish((await module()).listBudgets(options, terminal)));
  budgets
    .command('set <limit>')
    .description("cap cost ('$12.50') or tokens (1_000_000); an equal cap gets the new limit")
    .option('--on <scope>', 'org (default), project, api_key, end_user, session, embed_key: each')
    .addHelpText('after', '\nA scope with an id caps that one alone: --on end_user:ann')
    .option('--metric <metric>', 'cost, input_tokens, output_tokens or total_tokens')
    .option('--per <window>', 'day, month (default) or total')
    .action(async (limit, own) =>
      finish((await module()).setBudget(limit, { ...budgets.opts(), ...own }, terminal)),
    );
  budgets
    .command('usage <id>')
    .description('show who used most of a budget in its window now')
    .action(async (id) => finish((await module()).showBudgetUsage(id, budgets.opts(), terminal)));
  budgets
    .command('unpriced [choice]')
    .description('show or choose what caps on cost do with models without a price')
    .addHelpText('after', '\nrefuse (default): no call of them; count: their tokens, at no cost')
    .action(async (choice) =>
      finish((await module()).unpricedModels(choice, budgets.opts(), terminal)),
    );
  budgets
    .command('remove <id>')
    .description('cap it no longer')
    .action(async (id) => finish((await module()).removeBudget(id, budgets.opts(), terminal)));
}

function addLimits(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/limits.ts');
  const limits = accountOptions(program.command('limits'))
    .description('list the rate limits that rule in the org')
    .action(async (options) => finish((await module()).listLimits(options, terminal)));
  limits
    .command('set')
    .description('limit requests and tokens per minute, or turns that run at once')
    .option('--on <scope>', 'org (default), project, api_key, embed_key, end_user: each')
    .addHelpText('after', '\nA scope with an id limits that one alone: --on end_user:ann')
    .option('--requests <number>', 'per minute; none: no longer')
    .option('--tokens <number>', 'input and output, per minute; none: no longer')
    .option('--turns <number>', 'that run at the same time; none: no longer')
    .action(async (own) =>
      finish((await module()).setLimit({ ...limits.opts(), ...own }, terminal)),
    );
  limits
    .command('remove <id>')
    .description('limit it no longer')
    .action(async (id) => finish((await module()).removeLimit(id, limits.opts(), terminal)));
}

function addBilling(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/billing.ts');
  const billing = accountOptions(program.command('billing'))
    .description('show the subscription of the org, and what it must pay')
    .action(async (options) => finish((await module()).showBilling(options, terminal)));
  billing
    .command('invoices')
    .description('list invoices, the newest first')
    .action(async () => finish((await module()).listInvoices(billing.opts(), terminal)));
  for (const [name, page, description] of [
    ['subscribe', 'checkout', 'print the address of a page on which the org subscribes'],
    ['portal', 'portal', 'print the address of a page with means of payment and invoices'],
  ] as const) {
    billing
      .command(name)
      .description(description)
      .action(async () => finish((await module()).openBillingPage(page, billing.opts(), terminal)));
  }
}

function addKeys(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/keys.ts');
  const keys = accountOptions(program.command('keys'))
    .description('list the API keys of the org')
    .action(async (options) => finish((await module()).listKeys(options, terminal)));
  keys
    .command('create <name>')
    .description('make a key; it is shown once')
    .option('--scope <scope>', 'read, write or admin (default write)')
    .option('--test', 'one that runs on the demo model and is never billed')
    .action(async (name, own) =>
      finish((await module()).createKey(name, { ...keys.opts(), ...own }, terminal)),
    );
  keys
    .command('revoke <id>')
    .description('refuse a key from now on')
    .action(async (id) => finish((await module()).revokeKey(id, keys.opts(), terminal)));
}

function addWebhooks(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/webhooks.ts');
  const webhooks = accountOptions(program.command('webhooks'))
    .description('list the webhook endpoints of the org')
    .action(async (options) => finish((await module()).listWebhooks(options, terminal)));
  webhooks
    .command('create <url>')
    .description('make an endpoint; its secret is shown once')
    .option('--events <types>', 'by commas (default: all)', listArgument)
    .option('--ordered', 'one after the other, in the order they happened')
    .option('--description <text>', 'for people')
    .action(async (url, own) =>
      finish((await module()).createWebhook(url, { ...webhooks.opts(), ...own }, terminal)),
    );
  for (const enabled of [true, false]) {
    webhooks
      .command(`${enabled ? 'enable' : 'disable'} <id>`)
      .description(enabled ? 'send to it again, from now on' : 'send it nothing more')
      .action(async (id) =>
        finish((await module()).switchWebhook(id, enabled, webhooks.opts(), terminal)),
      );
  }
  webhooks
    .command('rotate <id>')
    .description('make a new secret; the old one counts for a while')
    .action(async (id) => finish((await module()).rotateWebhook(id, webhooks.opts(), terminal)));
  webhooks
    .command('delete <id>')
    .description('delete an endpoint')
    .action(async (id) => finish((await module()).deleteWebhook(id, webhooks.opts(), terminal)));
  webhooks
    .command('test <id>')
    .description('send it a test event')
    .action(async (id) => finish((await module()).testWebhook(id, webhooks.opts(), terminal)));
  webhooks
    .command('deliveries <id>')
    .description('show what was sent to it, and what came back')
    .option('--status <status>', 'pending, delivered, failed or cancelled only')
    .option('--limit <number>', 'how many', countArgument)
    .action(async (id, own) =>
      finish((await module()).listDeliveries(id, { ...webhooks.opts(), ...own }, terminal)),
    );
  webhooks
    .command('redeliver <id> <delivery>')
    .description('send one again')
    .action(async (id, delivery) =>
      finish((await module()).redeliver(id, delivery, webhooks.opts(), terminal)),
    );
}

function addAudit(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/audit.ts');
  const audit = accountOptions(program.command('audit'))
    .description('show who did what in the org, the newest first')
    .option('--action <action>', 'such as keys.create')
    .option('--actor <who>', 'an e-mail address or the id of a key')
    .option('--target <id>', 'what it was done to')
    .option('--since <time>', 'ISO 8601')
    .option('--limit <number>', 'how many (default 50)', countArgument)
    .action(async (options) => finish((await module()).listAudit(options, terminal)));
  audit
    .command('export')
    .description('print the whole log as lines of JSON, closed by a signed head')
    .action(async () => finish((await module()).exportAudit(audit.opts(), terminal)));
  audit
    .command('head')
    .description('print the end of the log, signed: keep it elsewhere')
    .action(async () => finish((await module()).auditHeadNow(audit.opts(), terminal)));
  audit
    .command('verify')
    .description('check the hashes, the order and the signature of the log')
    .option('--against <file>', 'a head that was kept: the log must still begin like that')
    .option('--file <file>', 'an export, rather than the log as it is now')
    .option('--keys <file>', 'public keys that were kept, rather than what the server says')
    .action(async (own) =>
      finish((await module()).checkAudit({ ...audit.opts(), ...own }, terminal)),
    );
}
