import {
  formatDollars,
  moneyFromWire,
  type UsageGroup,
  type UsageRow,
  usageGroup,
} from '@karta/protocol';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { type Column, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface UsageCommand extends AccountOptions {
  from?: string;
  to?: string;
  /** Names by commas. */
  by?: string;
  project?: string;
  csv?: boolean;
}

/** `karta usage`: tokens by day, model, project, key or end user. */
export async function showUsage(options: UsageCommand, terminal: Terminal): Promise<number> {
  const groupBy = groupsOf(options.by);
  const { karta } = await openAccount(options);
  const query = {
    groupBy,
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.to === undefined ? {} : { to: options.to }),
    ...(options.project === undefined ? {} : { project: options.project }),
  };
  if (options.csv === true) {
    terminal.out(await karta.usage.csv(query));
    return EXIT.ok.code;
  }
  await showList(
    karta.usage.rows(query),
    {
      columns: [...groupBy.map(groupColumn), ...COUNTS],
      empty: 'Nothing was used in this time. What is used now is here in some seconds.',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

const COUNTS: readonly Column<UsageRow>[] = [
  ['calls', (row) => row.calls],
  ['input', (row) => row.input_tokens],
  ['cached', (row) => row.cache_read_tokens],
  ['output', (row) => row.output_tokens],
  ['total', (row) => row.total_tokens],
  ['cost', costCell],
];

/** With a + where some calls had no price. */
function costCell({ cost, unpriced_calls: unpriced }: UsageRow): string {
  return `${formatDollars(moneyFromWire(cost))}${unpriced > 0 ? '+' : ''}`;
}

function groupColumn(group: UsageGroup): Column<UsageRow> {
  const field = group === 'project' ? 'project_id' : group;
  return [group, (row) => row[field] ?? null];
}

function groupsOf(text = 'day'): UsageGroup[] {
  return text.split(',').map((name) => {
    const group = usageGroup.options.find((known) => known === name.trim());
    if (group !== undefined) return group;
    const known = usageGroup.options.join(', ');
    throw new CliError('usage', `--by cannot be "${name}"`, `Choose of ${known}, by commas.`);
  });
}
