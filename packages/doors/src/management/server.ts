import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { DOORS_START_HEADER } from '@karta/protocol';
import type { Logger } from 'pino';
import { carries, type Secret } from '../channels/credential.ts';
import { MANAGEMENT_BODY_BYTES, MANAGEMENT_KEEP_ALIVE_MS } from '../limits.ts';
import {
  MANAGEMENT_ROUTES,
  type Managed,
  type ManagementAnswer,
  ManagementError,
} from './routes.ts';

/**
 * The management API over its own unix socket, spoken by the data plane. Every refusal is
 * `{"error": "<why>"}` with a 4xx status.
 */
export function managementServer(managed: Managed, token: Secret, log: Logger): Server {
  const headers = { 'content-type': 'application/json', [DOORS_START_HEADER]: randomUUID() };
  const refused = (error: unknown): ManagementAnswer => {
    if (error instanceof ManagementError) {
      return { status: error.status, body: { error: error.message } };
    }
    log.error({ err: error }, 'management call failed');
    return { status: 500, body: { error: 'internal error' } };
  };
  return createServer({ keepAliveTimeout: MANAGEMENT_KEEP_ALIVE_MS }, async (request, response) => {
    const { status, body, json } = await answer(managed, token, request).catch(refused);
    response.writeHead(status, headers);
    response.end(json ?? (body === undefined ? undefined : JSON.stringify(body)));
  });
}

async function answer(
  managed: Managed,
  token: Secret,
  request: IncomingMessage,
): Promise<ManagementAnswer> {
  if (!carries(token, request)) throw new ManagementError(401, 'the token is not valid');
  const segments = (request.url ?? '').split('/').map(decodeSegment);
  for (const { method, path, handle } of MANAGEMENT_ROUTES) {
    const ids = method === request.method ? match(path.split('/'), segments) : null;
    if (ids !== null) return handle(managed, ids, await readJson(request));
  }
  throw new ManagementError(404, 'there is no such route');
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The ids in the places of `*`, or `null` when the path is another. */
function match(pattern: string[], segments: string[]): string[] | null {
  if (pattern.length !== segments.length) return null;
  const ids: string[] = [];
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? '';
    if (part === '*' && segment !== '') ids.push(segment);
    else if (part !== segment) return null;
  }
  return ids;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (length === undefined && encoding === undefined) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > MANAGEMENT_BODY_BYTES) break;
    chunks.push(chunk as Buffer);
  }
  if (size > MANAGEMENT_BODY_BYTES) {
    // The rest is read away: unread, it would stand before the connection's next request.
    request.resume();
    throw new ManagementError(413, 'the body is too large');
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new ManagementError(400, 'the body is not JSON');
  }
}
