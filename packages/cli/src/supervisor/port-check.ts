import { createServer } from 'node:net';
import { CliError } from '../cli-error.ts';

/** How many ports above the wanted one are tried for a proposal. */
const PROPOSALS = 20;

/**
 * Makes sure before anything is started that `port` can be listened on. Throws `CliError` that
 * proposes a free one.
 */
export async function requireFreePort(
  host: string,
  port: number,
  option: '--port' | '--control-port' | '--operator-port' = '--port',
): Promise<void> {
  if (port === 0) return;
  const failure = (await listenFailure(host, port)) ?? (await otherLoopbackFailure(host, port));
  if (failure === null) return;
  if (failure === 'EACCES') {
    throw new CliError(
      'busy',
      `Port ${port} is reserved for the system`,
      `Choose one above 1023: karta serve ${option} 8000`,
    );
  }
  if (failure !== 'EADDRINUSE') {
    throw new CliError(
      'usage',
      `Cannot listen on ${host} (${failure})`,
      'Choose an address of this machine: --host 127.0.0.1',
    );
  }
  const free = await freePortAbove(host, port);
  throw new CliError(
    'busy',
    `Port ${port} on ${host} is in use by another program`,
    `Stop that program, or choose another port: karta serve ${option} ${free}`,
  );
}

/**
 * The server is announced as `localhost`, which a client may take for `::1` first: a program that
 * listens there would be sent the key.
 */
async function otherLoopbackFailure(host: string, port: number): Promise<string | null> {
  if (host !== '127.0.0.1' && host !== 'localhost') return null;
  const failure = await listenFailure('::1', port);
  return failure === 'EADDRINUSE' ? failure : null;
}

async function freePortAbove(host: string, port: number): Promise<number> {
  for (let candidate = port + 1; candidate <= port + PROPOSALS; candidate++) {
    if (candidate > 65_535) break;
    if ((await listenFailure(host, candidate)) !== null) continue;
    if ((await otherLoopbackFailure(host, candidate)) === null) return candidate;
  }
  return 0;
}

/** The error code of listening there for a moment, or `null` when that works. */
function listenFailure(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
