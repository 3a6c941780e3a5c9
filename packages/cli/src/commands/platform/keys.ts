import type { ApiScope } from '@karta/protocol';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { shortTime, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

const SCOPES: readonly ApiScope[] = ['read', 'write', 'admin'];

/** `karta keys`: the API keys of the org, without their secrets. */
export async function listKeys(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.keys.list(),
    {
      columns: [
        ['id', (key) => key.id],
        ['name', (key) => key.name],
        ['key', (key) => `${key.prefix}…`],
        ['scopes', (key) => key.scopes.join(' ')],
        ['last used', (key) => shortTime(key.last_used_at)],
        ['state', (key) => (key.revoked_at === null ? 'active' : 'revoked')],
      ],
      empty: 'No keys. Make one: karta keys create <name>',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta keys create <name>`: prints the key, which is shown this once. */
export async function createKey(
  name: string,
  options: AccountOptions & { scope?: string; test?: boolean },
  terminal: Terminal,
): Promise<number> {
  const scope = SCOPES.find((known) => known === (options.scope ?? 'write'));
  if (scope === undefined) {
    throw new CliError(
      'usage',
      `"${options.scope}" is no scope`,
      `Choose ${SCOPES.join(', ')}; each includes those before it.`,
    );
  }
  const { karta } = await openAccount(options);
  const mode = options.test === true ? 'test' : 'live';
  const key = await karta.keys.create({ name, scopes: [scope], mode });
  if (options.json === true) terminal.json(key);
  else {
    terminal.note(`Made the key ${key.id} (${scope}). It is shown this once:`);
    terminal.out(`${key.api_key}\n`);
  }
  return EXIT.ok.code;
}

/** `karta keys revoke <id>` */
export async function revokeKey(
  id: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  await karta.keys.revoke(id);
  if (options.json === true) terminal.json({ id, revoked: true });
  else terminal.out(`${id} is refused from now on\n`);
  return EXIT.ok.code;
}
