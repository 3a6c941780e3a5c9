import { Karta } from '@karta/sdk';
import { isApiKey, readCredentials } from '@karta/service/home';
import { CliError } from '../cli-error.ts';
import { homeFolder } from '../supervisor/settings.ts';
import { readLogin } from './login-file.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Options that every command has which manages something. */
export interface AccountOptions {
  home?: string | undefined;
  json?: boolean;
  /** The org to work in, by slug or id. */
  org?: string | undefined;
}

/** Whom a command acts as, and where. */
export interface Account {
  karta: Karta;
  controlUrl: string;
  /** Where it was found: `KARTA_KEY`, `karta login`, the server of this home. */
  source: 'environment' | 'login' | 'home';
  /** The API key, or the person's login; for the control plane alone. */
  token: string;
  /** An API key, rather than a person's login. */
  isKey: boolean;
  /** What was sent as the org, when one was named. */
  org: string | null;
}

const LOCAL_CONTROL = 'http://localhost:8001';

/**
 * The account that a command acts with, in this order: `KARTA_KEY` with `KARTA_CONTROL_URL`, what
 * `karta login` kept, the server of this home. Throws `CliError` when there is none.
 */
export async function openAccount(
  options: AccountOptions,
  env: Environment = process.env,
): Promise<Account> {
  const home = homeFolder(options.home, env);
  const found = await find(home, env);
  if (found === null) {
    throw new CliError(
      'usage',
      'You are not signed in, and no server of this home is known',
      'Sign in with "karta login", or start a server: karta serve <folder>',
    );
  }
  const org = options.org ?? env.KARTA_ORG ?? found.org ?? null;
  const karta = new Karta({
    apiKey: found.token,
    controlUrl: found.controlUrl,
    ...(found.dataUrl === null ? {} : { baseUrl: found.dataUrl }),
    ...(org === null || isApiKey(found.token) ? {} : { org }),
  });
  const { controlUrl, source, token } = found;
  return { karta, controlUrl, source, token, isKey: isApiKey(token), org };
}

interface Found extends Pick<Account, 'source' | 'token' | 'controlUrl' | 'org'> {
  dataUrl: string | null;
}

async function find(home: string, env: Environment): Promise<Found | null> {
  const dataUrl = env.KARTA_URL || null;
  if (env.KARTA_KEY) {
    const controlUrl = env.KARTA_CONTROL_URL || LOCAL_CONTROL;
    return { source: 'environment', token: env.KARTA_KEY, controlUrl, dataUrl, org: null };
  }
  const login = await readLogin(home);
  if (login !== null) {
    const { token, control_url: controlUrl, org } = login;
    return { source: 'login', token, controlUrl, dataUrl, org };
  }
  const local = await readCredentials(home);
  if (local?.control_url == null) return null;
  return {
    source: 'home',
    token: local.api_key,
    controlUrl: local.control_url,
    dataUrl: local.data_url,
    org: null,
  };
}

/** The control plane that `karta login` speaks to when it is told none. */
export async function defaultControlUrl(
  home: string,
  env: Environment = process.env,
): Promise<string> {
  if (env.KARTA_CONTROL_URL) return env.KARTA_CONTROL_URL;
  const login = await readLogin(home);
  if (login !== null) return login.control_url;
  return (await readCredentials(home))?.control_url ?? LOCAL_CONTROL;
}
