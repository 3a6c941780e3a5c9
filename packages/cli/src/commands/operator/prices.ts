import {
  dollarsPerMillion,
  type OperatorPrice,
  operatorPrice,
  operatorPriceList,
} from '@karta/protocol';
import { CliError } from '../../cli-error.ts';
import { type OperatorOptions, openAdminPlane } from '../../client/operator-access.ts';
import { EXIT } from '../../exit-codes.ts';
import { PRICE_COLUMNS, perMillion } from '../../output/price-columns.ts';
import { type Column, shortTime, table } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface SetPriceOptions extends OperatorOptions {
  input: string;
  output: string;
  cacheRead?: string;
  cacheWrite?: string;
  from?: string;
}

/** `karta operator prices`: what was set here beside the built-in prices. */
export async function listSetPrices(options: OperatorOptions, terminal: Terminal): Promise<number> {
  const plane = await openAdminPlane(options);
  const answer = await plane.ask('GET', '/v1/prices', operatorPriceList);
  if (options.json === true) terminal.json(answer);
  else if (answer.prices.length > 0) terminal.out(table(answer.prices, COLUMNS, terminal));
  else terminal.note('No prices are set here: the built-in ones count. See them: karta prices');
  return EXIT.ok.code;
}

/** `karta operator prices set <provider> <model>`: in dollars for a million tokens. */
export async function setPrice(
  provider: string,
  model: string,
  options: SetPriceOptions,
  terminal: Terminal,
): Promise<number> {
  const { input, output, cacheRead, cacheWrite, from } = options;
  const rate = (option: string, text: string) => ratePerToken(option, text);
  const body = {
    provider,
    model,
    ...(from === undefined ? {} : { effective_from: from }),
    price: {
      input: rate('--input', input),
      output: rate('--output', output),
      // What a maker does not list apart costs what input costs.
      cache_read: rate('--cache-read', cacheRead ?? input),
      cache_write: rate('--cache-write', cacheWrite ?? input),
    },
  };
  const plane = await openAdminPlane(options);
  const set = await plane.ask('POST', '/v1/prices', operatorPrice, body);
  if (options.json === true) terminal.json(set);
  else {
    const { price } = set;
    const rates = `${perMillion(price.input)} in, ${perMillion(price.output)} out`;
    terminal.out(`${set.model} costs ${rates} from ${shortTime(set.effective_from)} on\n`);
  }
  return EXIT.ok.code;
}

/** `3`, `$3` or `0.25` for a million tokens, as picodollars for one. */
function ratePerToken(option: string, text: string): string {
  try {
    return dollarsPerMillion(text.replace(/^\$/, ''));
  } catch (cause) {
    throw new CliError(
      'usage',
      `${option} cannot be "${text}"`,
      'Give dollars for a million tokens, with at most six decimals: --input 2.50',
      { cause },
    );
  }
}

const COLUMNS: readonly Column<OperatorPrice>[] = [
  ...PRICE_COLUMNS,
  ['from', (entry) => shortTime(entry.effective_from)],
  ['set by', (entry) => entry.made_by],
];
