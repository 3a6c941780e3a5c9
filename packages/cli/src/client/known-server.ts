import { readCredentials } from '@karta/service/home';
import { CliError } from '../cli-error.ts';

/** How long a server on record may take to say that it lives. Usual: a millisecond. */
const HEALTH_MS = 2_000;

/** A server that answers, and the key to it. */
export interface KnownServer {
  url: string;
  controlUrl: string | null;
  apiKey: string;
}

/** The server that `credentials.json` names, if that server answers; else `null`. */
export async function runningServer(home: string): Promise<KnownServer | null> {
  const credentials = await readCredentials(home);
  if (credentials?.data_url == null) return null;
  if (!(await answers(credentials.data_url))) return null;
  const { data_url: url, control_url: controlUrl, api_key: apiKey } = credentials;
  return { url, controlUrl, apiKey };
}

/** The running server. Throws `CliError` when none answers. */
export async function requireServer(home: string): Promise<KnownServer> {
  const server = await runningServer(home);
  if (server !== null) return server;
  throw new CliError('unreachable', `No server of ${home} answers`, 'Start one: karta serve');
}

/** Whether a server says that it lives. */
export async function answers(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(HEALTH_MS);
    return (await fetch(`${url}/healthz`, { signal, redirect: 'error' })).ok;
  } catch {
    // Refused, unknown or silent: nobody serves there, which is all that is asked.
    return false;
  }
}
