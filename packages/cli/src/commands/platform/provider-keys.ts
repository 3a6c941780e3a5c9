import {
  KEY_PROVIDERS,
  type ProviderKey,
  type SetProviderKeyBody,
  setProviderKeyBody,
} from '@karta/protocol';
import type { Karta } from '@karta/sdk';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { openAsker } from '../../client/ask.ts';
import { EXIT } from '../../exit-codes.ts';
import { type Column, shortTime, table } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

const COLUMNS: readonly Column<ProviderKey>[] = [
  ['provider', (key) => key.provider],
  ['key', (key) => `…${key.last_four}`],
  ['server', (key) => key.base_url],
  ['set', (key) => shortTime(key.created_at)],
  ['by', (key) => key.created_by],
];

/** `karta provider-keys` */
export async function listProviderKeys(
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const list = await karta.providerKeys.list();
  if (options.json === true) {
    terminal.json(list);
    return EXIT.ok.code;
  }
  if (list.provider_keys.length === 0) {
    terminal.note('No keys: calls go out under the platform’s. Set one: karta provider-keys set');
  } else {
    terminal.out(table(list.provider_keys, COLUMNS, terminal));
  }
  if (list.platform_fallback) {
    terminal.note('Where one is refused, calls go on with the platform’s key.');
  }
  return EXIT.ok.code;
}

export interface SetKeyOptions extends AccountOptions {
  baseUrl?: string;
  responses?: boolean;
  region?: string;
  location?: string;
}

/** `karta provider-keys set <provider>`: an argument can be read by everybody on the machine. */
export async function setProviderKey(
  provider: string,
  options: SetKeyOptions,
  terminal: Terminal,
): Promise<number> {
  requireProvider(provider);
  const { karta } = await openAccount(options);
  const body = await typedKey(provider, options, terminal);
  const key = await karta.providerKeys.set(body);
  if (options.json === true) terminal.json(key);
  else terminal.out(`${key.provider}: …${key.last_four} is set\n`);
  return EXIT.ok.code;
}

/** `karta provider-keys test <provider>` */
export async function testProviderKey(
  provider: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const { id } = await keyOf(karta, provider);
  const result = await karta.providerKeys.test(id);
  if (options.json === true) terminal.json(result);
  else terminal.out(`${result.message}\n`);
  return result.ok ? EXIT.ok.code : EXIT.failed.code;
}

/** `karta provider-keys remove <provider>` */
export async function removeProviderKey(
  provider: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const key = await keyOf(karta, provider);
  await karta.providerKeys.destroy(key.id);
  if (options.json === true) terminal.json({ id: key.id, destroyed: true });
  else terminal.out(`${key.provider}: …${key.last_four} is destroyed\n`);
  return EXIT.ok.code;
}

/** `karta provider-keys fallback on|off` */
export async function chooseFallback(
  choice: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  if (choice !== 'on' && choice !== 'off') {
    throw new CliError('usage', `"${choice}" is neither on nor off`, 'Choose on or off.');
  }
  const { karta } = await openAccount(options);
  const list = await karta.providerKeys.settings({ platform_fallback: choice === 'on' });
  if (options.json === true) terminal.json(list);
  else terminal.out(`The platform’s key is ${choice === 'on' ? '' : 'not '}used in its place\n`);
  return EXIT.ok.code;
}

/** Asks for the parts of a key, one after the other. */
async function typedKey(
  provider: string,
  options: SetKeyOptions,
  terminal: Terminal,
): Promise<SetProviderKeyBody> {
  using asker = openAsker(terminal);
  const ask = (what: string) => asker.askSecret(`${what}: `);
  const typed = {
    provider,
    secret: await secretOf(provider, options, ask),
    ...(options.baseUrl === undefined ? {} : { base_url: options.baseUrl }),
    ...(options.responses === true ? { responses: true } : {}),
  };
  const body = setProviderKeyBody.safeParse(typed);
  if (body.success) return body.data;
  const [issue] = body.error.issues;
  throw new CliError(
    'usage',
    `This is no key of ${provider}: ${issue?.path.join('.')} ${issue?.message}`,
    'See docs/provider-keys.md for what each provider needs.',
  );
}

async function secretOf(
  provider: string,
  { region, location }: SetKeyOptions,
  ask: (what: string) => Promise<string>,
): Promise<Record<string, string | undefined>> {
  switch (provider) {
    case 'bedrock': {
      const id = await ask('Access key id');
      const secret = await ask('Secret access key');
      const key = { access_key_id: id, secret_access_key: secret, region };
      // So begin temporary keys, which are worth nothing without their token.
      return id.startsWith('ASIA') ? { ...key, session_token: await ask('Session token') } : key;
    }
    case 'vertex':
      return { service_account: await askJson('JSON of the service account', ask), location };
    default:
      return { api_key: await ask(`Key of ${provider}`) };
  }
}

/** A file that is piped in has many lines: it ends where it is whole. */
async function askJson(what: string, ask: (what: string) => Promise<string>): Promise<string> {
  let text = await ask(what);
  while (!isJson(text)) text += `\n${await ask('')}`;
  return text;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function requireProvider(provider: string): void {
  if ((KEY_PROVIDERS as readonly string[]).includes(provider)) return;
  throw new CliError(
    'usage',
    `There is no provider "${provider}"`,
    `Choose one of ${KEY_PROVIDERS.join(', ')}.`,
  );
}

/** The active key of a provider, also by its id. */
async function keyOf(karta: Karta, name: string): Promise<ProviderKey> {
  const { provider_keys: keys } = await karta.providerKeys.list();
  const found = keys.find(({ id, provider }) => id === name || provider === name);
  if (found !== undefined) return found;
  throw new CliError(
    'usage',
    `The org has no key of "${name}"`,
    'See those it has: karta provider-keys',
  );
}
