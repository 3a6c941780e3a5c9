import {
  type PatchRateLimitBody,
  RATE_LIMIT_MOST,
  type RateFigure,
  type RateFigures,
  type RateLimitScope,
  type RateLimitView,
  rateLimitScope,
} from '@karta/protocol';
import type { Karta } from '@karta/sdk';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';
import { type NamedScope, onCell, scopeOption } from './scope-option.ts';

/** `karta limits`: the rate limits that rule in the org. */
export async function listLimits(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.rateLimits.list(),
    {
      columns: [
        ['id', ({ id }) => id],
        ['on', onCell],
        ['requests/min', (limit) => figureCell(limit, 'requests_per_minute')],
        ['tokens/min', (limit) => figureCell(limit, 'tokens_per_minute')],
        ['turns at once', (limit) => figureCell(limit, 'concurrent_turns')],
        ['set by', ({ set_by }) => set_by],
      ],
      empty: 'No rate limits. Set one: karta limits set --on end_user --requests 60',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

export interface SetLimitOptions extends AccountOptions {
  on?: string;
  requests?: string;
  tokens?: string;
  turns?: string;
}

/** `karta limits set`: changes the figures that are named of the limit there is, or makes it. */
export async function setLimit(options: SetLimitOptions, terminal: Terminal): Promise<number> {
  const asked = scopeOption<RateLimitScope>(rateLimitScope, options.on ?? 'org');
  const figures = figuresOf(options);
  const { karta } = await openAccount(options);
  const known = await sameLimit(karta, asked);
  const limit =
    known === null
      ? await karta.rateLimits.create({ ...asked, ...figures })
      : await karta.rateLimits.update(known.id, figures);
  if (options.json === true) terminal.json(limit);
  else terminal.out(`${limit.id} limits ${onCell(limit)} to ${said(limit)}\n`);
  return EXIT.ok.code;
}

/** `karta limits remove <id>` */
export async function removeLimit(
  id: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  await karta.rateLimits.delete(id);
  if (options.json === true) terminal.json({ id, removed: true });
  else terminal.out(`${id} limits nothing any more\n`);
  return EXIT.ok.code;
}

/** The figures that were named; `none` takes one away. */
function figuresOf({ requests, tokens, turns }: SetLimitOptions): Partial<RateFigures> {
  const figures: Partial<RateFigures> = {};
  const read = (name: RateFigure, option: string, text: string | undefined) => {
    if (text !== undefined) figures[name] = figureOf(name, option, text);
  };
  read('requests_per_minute', '--requests', requests);
  read('tokens_per_minute', '--tokens', tokens);
  read('concurrent_turns', '--turns', turns);
  if (Object.keys(figures).length === 0) {
    const hint = 'Name at least one of --requests, --tokens and --turns.';
    throw new CliError('usage', 'Nothing is limited', hint);
  }
  return figures satisfies PatchRateLimitBody;
}

function figureOf(name: RateFigure, option: string, text: string): number | null {
  if (text === 'none') return null;
  const figure = /^[1-9][\d_]*$/.test(text) ? Number(text.replaceAll('_', '')) : 0;
  const most = RATE_LIMIT_MOST[name];
  if (figure >= 1 && figure <= most) return figure;
  const hint = `Write a whole number from 1 to ${most}, or none.`;
  throw new CliError('usage', `"${text}" is no figure for ${option}`, hint);
}

/** The org's own limit on the same. */
async function sameLimit(
  karta: Karta,
  { scope, scope_id }: NamedScope<RateLimitScope>,
): Promise<RateLimitView | null> {
  const isProject = scope === 'project' && scope_id !== null;
  const id = isProject ? (await karta.projects.get(scope_id)).id : scope_id;
  for await (const limit of karta.rateLimits.list()) {
    const same = scope === 'org' || limit.scope_id === id;
    if (limit.set_by === 'org' && limit.scope === scope && same) return limit;
  }
  return null;
}

function figureCell(limit: RateLimitView, name: RateFigure): string | null {
  return limit[name] === null ? null : String(limit[name]);
}

function said(limit: RateLimitView): string {
  const parts: [RateFigure, string][] = [
    ['requests_per_minute', 'requests a minute'],
    ['tokens_per_minute', 'tokens a minute'],
    ['concurrent_turns', 'turns at once'],
  ];
  return parts
    .flatMap(([name, words]) => (limit[name] === null ? [] : [`${limit[name]} ${words}`]))
    .join(', ');
}
