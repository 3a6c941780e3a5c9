import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { KartaError } from '@karta/protocol/errors';
import { openLocalPushRepo } from './local-push-repo.ts';
import type { PushRepo } from './push-repo.ts';

/** What a push process answers besides what git does: refs as lines, and an archive. */
export const PUSH_PATHS = { refs: '/refs', archive: '/archive/' } as const;
/** There is no git here: git's own program never answers so. */
export const NO_GIT_STATUS = 501;

/**
 * Serves one push over a connection that this process was started with: a repository of its own,
 * which goes with the connection. `ended` is called then.
 */
export function servePush(connection: Socket, ended: () => void): void {
  let opening: Promise<PushRepo> | null = null;
  const server = createServer(
    // The control plane looks at who sends, and how slowly.
    { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 },
    (request, response) => {
      opening ??= openLocalPushRepo();
      opening
        .then((repo) => answer(repo, request, response))
        .catch((error: unknown) => refuse(error, response));
    },
  );
  connection.once('close', () => {
    void Promise.resolve(opening)
      .then((repo) => repo?.remove())
      .catch((error: unknown) => console.error(error))
      .finally(ended);
  });
  server.emit('connection', connection);
}

async function answer(
  repo: PushRepo,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? '';
  if (path === PUSH_PATHS.refs) {
    response.end((await repo.refs()).join('\n'));
  } else if (path.startsWith(PUSH_PATHS.archive)) {
    const ref = path.slice(PUSH_PATHS.archive.length);
    await pipeline(repo.archive(decodeURIComponent(ref)), response);
  } else {
    const { status, contentType, body } = await repo.ask(request, path);
    response.writeHead(status, { 'content-type': contentType });
    // Git waits for the rest of a request until the client has heard the beginning of the answer.
    response.flushHeaders();
    await pipeline(body, response);
  }
}

function refuse(error: unknown, response: ServerResponse): void {
  if (KartaError.is(error) && error.code === 'not_installed' && !response.headersSent) {
    response.writeHead(NO_GIT_STATUS).end();
    return;
  }
  console.error(error);
  response.destroy();
}
