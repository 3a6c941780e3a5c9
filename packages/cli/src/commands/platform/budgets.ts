import {
  type BudgetAmount,
  type BudgetMetric,
  type BudgetScope,
  type BudgetView,
  type BudgetWindow,
  budgetMetric,
  budgetScope,
  budgetWindow,
  type CreateBudgetBody,
  formatDollars,
  moneyFromWire,
  moneyToWire,
} from '@karta/protocol';
import type { Karta } from '@karta/sdk';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { shortTime, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';
import { onCell, oneOf, scopeOption } from './scope-option.ts';

/** Digits of a dollar that a limit can have. */
const DOLLAR_DIGITS = 12;

/** `karta budgets`: the caps of the org, and what is left of them. */
export async function listBudgets(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.budgets.list(),
    {
      columns: [
        ['id', ({ id }) => id],
        ['on', onCell],
        ['metric', ({ metric }) => metric],
        ['per', ({ window }) => window],
        ['limit', ({ limit }) => amountCell(limit)],
        ['spent', ({ usage }) => usage && amountCell(usage.spent)],
        ['reserved', ({ usage }) => usage && amountCell(usage.reserved)],
        ['left', ({ usage }) => usage && amountCell(usage.left)],
        ['resets', ({ usage }) => usage && shortTime(usage.resets_at)],
      ],
      empty: "No budgets. Make one: karta budgets set '$50' --per month",
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta budgets usage <id>`: who used most of it. */
export async function showBudgetUsage(
  id: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const usage = await karta.budgets.usage(id);
  await showList(
    (async function* () {
      yield* usage;
    })(),
    {
      columns: [
        ['who', ({ scope_id }) => scope_id],
        ['spent', ({ spent }) => amountCell(spent)],
        ['reserved', ({ reserved }) => amountCell(reserved)],
        ['left', ({ left }) => amountCell(left)],
      ],
      empty: 'Nothing was used of it in this window.',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

export interface SetBudgetOptions extends AccountOptions {
  /** `org`, `end_user`, `project:shop`. */
  on?: string;
  metric?: string;
  per?: string;
}

/** `karta budgets set <limit>`: changes the limit of the budget there is, or makes it. */
export async function setBudget(
  limit: string,
  options: SetBudgetOptions,
  terminal: Terminal,
): Promise<number> {
  const asked = askedBudget(limit, options);
  const { karta } = await openAccount(options);
  const known = await sameBudget(karta, asked);
  const budget =
    known === null
      ? await karta.budgets.create(asked)
      : await karta.budgets.update(known.id, { limit: asked.limit });
  if (options.json === true) terminal.json(budget);
  else {
    const was = known === null ? '' : `, it was ${amountCell(known.limit)}`;
    terminal.out(`${budget.id} caps ${budget.metric} at ${amountCell(budget.limit)}${was}\n`);
  }
  return EXIT.ok.code;
}

/** `karta budgets remove <id>` */
export async function removeBudget(
  id: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  await karta.budgets.delete(id);
  if (options.json === true) terminal.json({ id, removed: true });
  else terminal.out(`${id} caps nothing any more\n`);
  return EXIT.ok.code;
}

const DOLLARS = "dollars, quoted for the shell: '$12.50'";

/** `karta budgets unpriced [refuse|count]`: what a cap on cost does with a model without a price. */
export async function unpricedModels(
  choice: string | undefined,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  if (choice !== undefined && choice !== 'refuse' && choice !== 'count') {
    throw new CliError('usage', `There is no choice "${choice}"`, 'Choose refuse or count.');
  }
  const { karta } = await openAccount(options);
  const settings =
    choice === undefined
      ? await karta.budgets.settings()
      : await karta.budgets.setSettings({ unknown_model: choice });
  if (options.json === true) terminal.json(settings);
  else {
    const refused = settings.unknown_model === 'refuse';
    terminal.out(
      refused
        ? 'Where a cap is on cost, calls of models without a price are refused\n'
        : 'Calls of models without a price are made, and cost nothing\n',
    );
  }
  return EXIT.ok.code;
}

type AskedBudget = CreateBudgetBody & { scope_id: string | null };

function askedBudget(limit: string, options: SetBudgetOptions): AskedBudget {
  const dollars = picodollars(limit);
  const metric = options.metric ?? (dollars === null ? 'total_tokens' : 'cost');
  const budget = {
    ...scopeOption<BudgetScope>(budgetScope, options.on ?? 'org'),
    metric: oneOf<BudgetMetric>(budgetMetric, metric, '--metric'),
    window: oneOf<BudgetWindow>(budgetWindow, options.per ?? 'month', '--per'),
  };
  if (budget.metric === 'cost') {
    if (dollars === null) throw noLimit(limit, `Write ${DOLLARS}.`);
    return { ...budget, limit: moneyToWire(dollars) };
  }
  const tokens = limit.replaceAll('_', '');
  if (!/^(0|[1-9]\d*)$/.test(tokens)) {
    const either = options.metric === undefined ? `${DOLLARS}, or ` : '';
    throw noLimit(limit, `Write ${either}a whole number of tokens.`);
  }
  return { ...budget, limit: tokens };
}

/** `$12.50` in picodollars; `null` for anything else. */
function picodollars(text: string): bigint | null {
  const [, whole, fraction = ''] = /^\$(\d+)(?:\.(\d{1,12}))?$/.exec(text) ?? [];
  return whole === undefined ? null : BigInt(whole + fraction.padEnd(DOLLAR_DIGITS, '0'));
}

function noLimit(text: string, hint: string): CliError {
  return new CliError('usage', `"${text}" is no limit`, hint);
}

/** The budget on the same objects, metric and window. */
async function sameBudget(karta: Karta, asked: AskedBudget): Promise<BudgetView | null> {
  const { scope, metric, window } = asked;
  const isProject = scope === 'project' && asked.scope_id !== null;
  const id = isProject ? (await karta.projects.get(asked.scope_id ?? '')).id : asked.scope_id;
  for await (const budget of karta.budgets.list()) {
    const same = scope === 'org' || budget.scope_id === id;
    if (budget.scope === scope && same && budget.metric === metric && budget.window === window) {
      return budget;
    }
  }
  return null;
}

/** Tokens, or dollars to the cent and as far as they go beyond. */
function amountCell(amount: BudgetAmount): string {
  if (typeof amount === 'string') return amount;
  return formatDollars(moneyFromWire(amount)).replace(/(\.\d{2}\d*?)0+$/, '$1');
}
