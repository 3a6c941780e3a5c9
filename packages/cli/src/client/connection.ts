import { Karta } from '@karta/sdk';
import { readCredentials } from '@karta/service/home';
import { CliError } from '../cli-error.ts';
import { takeUpstreams } from '../supervisor/provider-keys.ts';
import { folderError, type Published, publishOne } from '../supervisor/publish-folders.ts';
import { startServer } from '../supervisor/server.ts';
import { homeFolder, type ServeOptions, serveSettings } from '../supervisor/settings.ts';
import { waitUntilServed } from '../supervisor/wait-until-served.ts';

/** How long a server on record may take to say that it lives. Usual: a millisecond. */
const HEALTH_MS = 2_000;

export interface ConnectOptions extends Pick<ServeOptions, 'home' | 'sandbox'> {
  /** The application to talk to; without it the server's default project. */
  folder?: string | undefined;
}

/** A server to talk to, and the project that was asked for. */
export interface Connection extends AsyncDisposable {
  karta: Karta;
  url: string;
  /** `null`: the default project. */
  project: string | null;
  /** Started for this command alone; it ends with it. */
  embedded: boolean;
}

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

/**
 * Connects to the running server, publishing `folder` into it when one is named; without a running
 * server starts one for the folder (default: the current one) for as long as the connection lives.
 */
export async function connect(
  options: ConnectOptions,
  notice: (message: string) => void,
): Promise<Connection> {
  const home = homeFolder(options.home);
  const server = await runningServer(home);
  if (server !== null) {
    const published =
      options.folder === undefined ? null : await publishInto(server, options.folder);
    return connection(server, published?.ref ?? null, false, async () => {});
  }
  const embedded = await startServer({
    settings: serveSettings({ home: options.home, sandbox: options.sandbox, port: '0', warm: '0' }),
    folders: [options.folder ?? process.cwd()],
    upstreams: takeUpstreams(process.env),
    environment: process.env,
    allowUnsandboxed: options.sandbox === 'none',
    notice,
  });
  const [published] = embedded.published;
  return connection(embedded, published?.ref ?? null, true, () => embedded.stop());
}

function connection(
  server: { url: string; apiKey: string },
  project: string | null,
  embedded: boolean,
  end: () => Promise<void>,
): Connection {
  return {
    karta: new Karta({
      apiKey: server.apiKey,
      baseUrl: server.url,
      project: project ?? undefined,
    }),
    url: server.url,
    project,
    embedded,
    [Symbol.asyncDispose]: end,
  };
}

/** Publishes a folder into a server that runs. */
async function publishInto(server: KnownServer, folder: string): Promise<Published> {
  if (server.controlUrl === null) {
    throw new CliError(
      'failed',
      'The running server cannot be given another folder from here',
      `Name it when starting: karta serve ${folder}`,
    );
  }
  const { apiKey, url: baseUrl, controlUrl } = server;
  const karta = new Karta({ apiKey, baseUrl, controlUrl });
  const result = await publishOne(folder, { karta, environment: process.env });
  if ('problems' in result) throw folderError(result);
  await waitUntilServed(server, result.ref, result.version);
  return result;
}

async function answers(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(HEALTH_MS);
    return (await fetch(`${url}/healthz`, { signal, redirect: 'error' })).ok;
  } catch {
    // Refused, unknown or silent: nobody serves there, which is all that is asked.
    return false;
  }
}
