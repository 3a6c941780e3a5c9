import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { GitRepo } from './git-repo.ts';

/** The longest head of an answer, in bytes. */
const MAX_HEAD = 16 * 1024;

/** What git's own CGI program answered. */
export interface BackendAnswer {
  status: number;
  contentType: string;
  body: AsyncGenerator<Buffer>;
}

/** Asks git's `http-backend` about a repository, with the request's body when there is one. */
export async function askBackend(
  repo: GitRepo,
  request: IncomingMessage,
  path: '/info/refs' | '/git-receive-pack',
): Promise<BackendAnswer> {
  const [, query = ''] = (request.url ?? '').split('?', 2);
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
  if (request.method === 'POST') {
    // A refusal closes git's input early; its answer says why.
    pipeline(request.iterator({ destroyOnReturn: false }), child.stdin).catch(() => {});
  } else {
    child.stdin.on('error', () => {}).end();
  }
  const chunks = child.stdout.iterator() as AsyncIterableIterator<Buffer>;
  let head = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const { value, done } = await chunks.next();
    if (done === true || head.length > MAX_HEAD) {
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

function variable(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}
