import { once } from 'node:events';
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { KartaError } from '@karta/protocol';
import { noGit } from './git-repo.ts';
import { NO_GIT_STATUS, PUSH_PATHS } from './push-process.ts';
import type { OpenPushRepo } from './push-repo.ts';

/** The longest list of pushed refs that is read, in bytes. */
const MAX_REFS_BYTES = 1024 * 1024;
/** When to try again a push for which no process could be had, in seconds. */
const RETRY_AFTER = 5;

/**
 * Repositories of processes that run as another user: each connection to `socketPath` is one, and
 * gone when the connection is.
 */
export function pushReposAt(socketPath: string): OpenPushRepo {
  return async () => {
    const socket = connect(socketPath);
    try {
      await once(socket, 'connect');
    } catch (cause) {
      throw noProcess(cause);
    }
    return overConnection(socket);
  };
}

function overConnection(socket: Socket): Awaited<ReturnType<OpenPushRepo>> {
  // What comes of it is known by the request that waits.
  socket.on('error', () => {});
  const agent = new OneConnection(socket);

  async function ask(
    path: string,
    options: RequestOptions = {},
    body?: IncomingMessage,
  ): Promise<IncomingMessage> {
    if (socket.destroyed) throw noProcess();
    const asked = request({ ...options, path, agent, host: 'git' });
    const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
    // Of one that was answered: the answer breaks off, which its reader is told.
    asked.on('error', () => {});
    if (body === undefined) asked.end();
    else void pipeline(body.iterator({ destroyOnReturn: false }), asked).catch(() => {});
    try {
      const [answer] = await answered;
      if (answer.statusCode === NO_GIT_STATUS) throw noGit();
      return answer;
    } catch (error) {
      throw KartaError.is(error) ? error : noProcess(error);
    }
  }

  return {
    async ask(incoming, path) {
      const { method = 'GET' } = incoming;
      const headers = namedOf(incoming, ['content-type', 'content-length', 'content-encoding']);
      const body = method === 'POST' ? incoming : undefined;
      const answer = await ask(path, { method, headers }, body);
      return {
        status: answer.statusCode ?? 0,
        contentType: answer.headers['content-type'] ?? 'application/octet-stream',
        body: (async function* () {
          for await (const chunk of answer) yield chunk as Buffer;
        })(),
      };
    },
    async refs() {
      let text = '';
      for await (const chunk of (await ask(PUSH_PATHS.refs)).setEncoding('utf8')) {
        text += chunk;
        if (text.length > MAX_REFS_BYTES) throw new Error('too many refs were pushed');
      }
      return text.split('\n').filter((line) => line !== '');
    },
    archive(ref) {
      const content = new PassThrough();
      ask(`${PUSH_PATHS.archive}${encodeURIComponent(ref)}`)
        .then((answer) => pipeline(answer, content))
        .catch((error: Error) => content.destroy(error));
      return content;
    },
    async remove() {
      socket.destroy();
    },
  };
}

/** Requests one after another over one connection: what follows another would know no push. */
class OneConnection extends Agent {
  readonly #socket: Socket;
  #used = false;

  constructor(socket: Socket) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#socket = socket;
  }

  override createConnection(): Socket {
    if (this.#used) throw new Error('the connection of this push is gone');
    this.#used = true;
    return this.#socket;
  }
}

function namedOf({ headers }: IncomingMessage, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  );
}

function noProcess(cause?: unknown): KartaError {
  return new KartaError('capacity', 'Git on this server is busy, or has ended; push again.', {
    retryAfter: RETRY_AFTER,
    cause,
  });
}
