import { readCredentials } from '@karta/data-plane';
import { Karta } from '@karta/sdk';
import { CliError } from '../cli-error.ts';
import { takeUpstreams } from '../supervisor/provider-keys.ts';
import { type Published, publishFolders } from '../supervisor/publish-folders.ts';
import { startServer } from '../supervisor/server.ts';
import { readServerFile } from '../supervisor/server-file.ts';
import { homeFolder, type ServeOptions, serveSettings } from '../supervisor/settings.ts';

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

/** A client for the server that `credentials.json` names, if that server answers; else `null`. */
export async function runningServer(home: string): Promise<{ url: string; apiKey: string } | null> {
  const credentials = await readCredentials(home);
  if (credentials?.data_url == null) return null;
  return (await answers(credentials.data_url))
    ? { url: credentials.data_url, apiKey: credentials.api_key }
    : null;
}

/** The running server. Throws `CliError` when none answers. */
export async function requireServer(home: string): Promise<{ url: string; apiKey: string }> {
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
    const published = options.folder === undefined ? null : await publishInto(home, options.folder);
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

/** Publishes a folder into the home of a server that runs. */
async function publishInto(home: string, folder: string): Promise<Published> {
  const server = await readServerFile(home);
  if (server === null) {
    throw new CliError(
      'failed',
      'The running server cannot be given another folder from here',
      `Name it when starting: karta serve ${folder}`,
    );
  }
  const [published] = await publishFolders([folder], {
    home,
    upstreams: server.upstreams,
    environment: process.env,
    makeDefault: false,
  });
  if (published === undefined) throw new Error('a published folder has a release');
  return published;
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
