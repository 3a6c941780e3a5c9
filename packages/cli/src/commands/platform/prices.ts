import type { PriceEntry } from '@karta/protocol';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { PRICE_COLUMNS } from '../../output/price-columns.ts';
import { type Column, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface PricesCommand extends AccountOptions {
  provider?: string;
  /** Only what fits a model of this name. */
  model?: string;
}

/** `karta prices`: what models cost, in dollars for a million tokens. */
export async function showPrices(options: PricesCommand, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  const { version, entries } = await karta.prices.list({
    ...(options.provider === undefined ? {} : { provider: options.provider }),
    ...(options.model === undefined ? {} : { model: options.model }),
  });
  await showList(
    each(entries),
    {
      columns: COLUMNS,
      empty: 'No price fits. A call of such a model counts its tokens and has no cost.',
      json: options.json === true,
    },
    terminal,
  );
  if (options.json !== true) {
    terminal.note(`Dollars for a million tokens; price book ${version}.`);
  }
  return EXIT.ok.code;
}

const COLUMNS: readonly Column<PriceEntry>[] = [
  ...PRICE_COLUMNS,
  ['above', ({ price: { above } }) => (above === undefined ? '' : `${above.input_tokens}`)],
  ['from', (entry) => entry.effective_from.slice(0, 10)],
  ['set by', (entry) => (entry.source === 'operator' ? 'operator' : '')],
];

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
