import type { IncomingMessage } from 'node:http';
import { finished, pipeline } from 'node:stream/promises';
import type { GitRepo } from './git-repo.ts';
import type { BackendAnswer } from './push-repo.ts';

/** The longest head of an answer, in bytes. */
const MAX_HEAD = 16 * 1024;

/** Asks git's `http-backend` about a repository: {@link PushRepo.ask}. */
export async function askBackend(
  repo: GitRepo,
  request: IncomingMessage,
  target: string,
): Promise<BackendAnswer> {
  const [path = '', query = ''] = target.split('?', 2);
  const { headers } = request;
  const child = repo.spawn(['http-backend'], {
    GIT_PROJECT_ROOT: repo.root,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: `/push.git${path}`,
    REQUEST_METHOD: request.method ?? 'GET',
    QUERY_STRING: query,
    REMOTE_USER: 'karta',
    ...variable('CONTENT_TYPE', headers['content-type']),
    ...variable('CONTENT_LENGTH', headers['content-length']),
    ...variable('HTTP_CONTENT_ENCODING', headers['content-encoding']?.toString()),
  });
  child.stderr.resume();
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  ended.catch(() => {});
  let read: Promise<void> = Promise.resolve();
  if (request.method === 'POST') {
    // A refusal closes git's input early; its answer says why.
    read = pipeline(request.iterator({ destroyOnReturn: false }), child.stdin).catch(() =>
      readToItsEnd(request),
    );
  } else {
    child.stdin.on('error', () => {}).end();
  }
  const chunks = child.stdout.iterator() as AsyncIterableIterator<Buffer>;
  let head = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const { value, done } = await chunks.next();
    if (done === true || head.length > MAX_HEAD) {
      child.kill('SIGKILL');
      await ended;
      throw new Error('git gave no answer');
    }
    head = Buffer.concat([head, value]);
    end = head.indexOf('\r\n\r\n');
  }
  const fields = new Headers(
    head
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line): [string, string] => {
        const at = line.indexOf(':');
        return [line.slice(0, at), line.slice(at + 1).trim()];
      }),
  );
  async function* body(): AsyncGenerator<Buffer> {
    try {
      if (head.length > end + 4) yield head.subarray(end + 4);
      for await (const chunk of chunks) yield chunk;
      await ended;
      // Cut off in the middle of sending, a client would tell of that and not of the answer.
      await read;
    } finally {
      child.kill('SIGKILL');
    }
  }
  return {
    status: Number.parseInt(fields.get('status') ?? '200', 10),
    contentType: fields.get('content-type') ?? 'application/octet-stream',
    body: body(),
  };
}

/** Throws the rest of a request away; resolves when there is none, or its client has gone. */
async function readToItsEnd(request: IncomingMessage): Promise<void> {
  request.resume();
  await finished(request, { writable: false }).catch(() => {});
}

function variable(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}
