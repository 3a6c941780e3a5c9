import { Karta } from '@karta/sdk';
import { CliError } from '../cli-error.ts';
import { takeUpstreams } from '../supervisor/provider-keys.ts';
import type { Published } from '../supervisor/publish-folders.ts';
import { homeFolder, type ServeOptions, serveSettings } from '../supervisor/settings.ts';
import { waitUntilServed } from '../supervisor/wait-until-served.ts';
import { type KnownServer, runningServer } from './known-server.ts';
import { type SessionAccess, signedInAccess } from './session-access.ts';

export interface ConnectOptions extends Pick<ServeOptions, 'home' | 'sandbox'> {
  /** An application here, to be served by this machine; without it the default project. */
  folder?: string | undefined;
  /** A project of the server, in place of its default one. */
  project?: string | undefined;
  /** The org to work in, for people in several. */
  org?: string | undefined;
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

/**
 * Connects to the server that one is signed in to. Else, or when a folder is named, to the running
 * server of the home, publishing the folder into it; without one it starts a server for the folder
 * (default: the current one) for as long as the connection lives.
 */
export async function connect(
  options: ConnectOptions,
  notice: (message: string) => void,
): Promise<Connection> {
  const { folder, project = null } = options;
  if (folder !== undefined && project !== null) {
    throw new CliError(
      'usage',
      '--folder and --project name two applications',
      'Name the one to talk to.',
    );
  }
  if (folder === undefined) {
    const access = await signedInAccess(options, { scope: 'write' });
    if (access !== null) return connection(access, project, false, async () => {});
  }
  const server = await runningServer(homeFolder(options.home));
  if (server !== null) {
    const published = folder === undefined ? null : await publishInto(server, folder);
    const { url, apiKey: credential } = server;
    return connection({ url, credential }, published?.ref ?? project, false, async () => {});
  }
  if (project !== null) {
    throw new CliError(
      'unreachable',
      `No server answers that has the project ${project}`,
      'Start one, or sign in to one: karta serve, karta login',
    );
  }
  // What only a server of its own needs is loaded by who starts one: most find one that runs.
  const { startServer } = await import('../supervisor/server.ts');
  const embedded = await startServer({
    settings: serveSettings({ home: options.home, sandbox: options.sandbox, port: '0', warm: '0' }),
    folders: [folder ?? process.cwd()],
    upstreams: takeUpstreams(process.env),
    environment: process.env,
    allowUnsandboxed: options.sandbox === 'none',
    notice,
  });
  const [published] = embedded.published;
  const { url, apiKey: credential } = embedded;
  return connection({ url, credential }, published?.ref ?? null, true, () => embedded.stop());
}

function connection(
  { url, credential }: SessionAccess,
  project: string | null,
  embedded: boolean,
  end: () => Promise<void>,
): Connection {
  return {
    karta: new Karta({ apiKey: credential, baseUrl: url, project: project ?? undefined }),
    url,
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
  const { folderError, publishOne } = await import('../supervisor/publish-folders.ts');
  const result = await publishOne(folder, { karta, environment: process.env });
  if ('problems' in result) throw folderError(result);
  await waitUntilServed(server, result.ref, result.version);
  return result;
}
