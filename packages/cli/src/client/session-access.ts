import type { Credential, MintStaffTokenBody } from '@karta/sdk';
import { Karta } from '@karta/sdk';
import { readCredentials } from '@karta/service/home';
import { CliError } from '../cli-error.ts';
import { homeFolder } from '../supervisor/settings.ts';
import { type Environment, openAccount } from './account.ts';
import { answers, requireServer } from './known-server.ts';

/** A data plane, and what one comes to its sessions with. */
export interface SessionAccess {
  url: string;
  credential: Credential;
}

/** Options of every command that works with sessions. */
export interface AccessOptions {
  home?: string | undefined;
  /** The org to work in, for people in several. */
  org?: string | undefined;
}

/**
 * The sessions of whoever is signed in (`KARTA_KEY`, `karta login`): a key goes to the data plane as
 * it is, a person gets a token of five minutes at a time, by their role. `null` when nobody is signed
 * in, or only to the server of this home, which does not run. Throws `CliError`, or what the SDK
 * throws.
 */
export async function signedInAccess(
  options: AccessOptions,
  wanted: MintStaffTokenBody,
  env: Environment = process.env,
): Promise<SessionAccess | null> {
  const account = await openAccount(options, env).catch(noAccount);
  if (account === null || account.source === 'home') return null;
  if (account.source === 'login' && (await rests(options, account.controlUrl, env))) return null;
  const url = env.KARTA_URL || (await account.karta.staff.dataPlane());
  if (!url) {
    throw new CliError(
      'unreachable',
      `${account.controlUrl} knows no data plane yet`,
      'Wait until one runs, or name it: KARTA_URL=https://…',
    );
  }
  const credential = account.isKey ? account.token : account.karta.staff.credential(wanted);
  return { url, credential };
}

/** A client for sessions: of whoever is signed in, else of the server of this home. Throws `CliError`. */
export async function openSessions(
  options: AccessOptions & { project?: string | undefined },
  wanted: MintStaffTokenBody,
): Promise<Karta> {
  const { project } = options;
  const access = await signedInAccess(options, wanted);
  if (access !== null)
    return new Karta({ apiKey: access.credential, baseUrl: access.url, project });
  const { url, apiKey } = await requireServer(homeFolder(options.home));
  return new Karta({ apiKey, baseUrl: url, project });
}

function noAccount(error: unknown): null {
  if (error instanceof CliError && error.exit === 'usage') return null;
  throw error;
}

/** Whether one is signed in to the server of this home, and that does not run. */
async function rests(
  options: AccessOptions,
  controlUrl: string,
  env: Environment,
): Promise<boolean> {
  const local = await readCredentials(homeFolder(options.home, env));
  if (local?.data_url == null || local.control_url !== controlUrl) return false;
  return !(await answers(local.data_url));
}
