import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asKartaError, loggable, patternOf, readBytes, validBody } from '@karta/http';
import { KartaError, newId, PLANE_PROTOCOL, problemOf } from '@karta/protocol';
import type { Logger } from 'pino';
import type { BoundInternalRoute, InternalCall } from './internal-route.ts';
import { GRANT_HEADER, PLANE_PROTOCOL_HEADER } from './plane-client.ts';
import { bodyDigest } from './service-token.ts';
import type { ServiceVerifier, VerifiedCall } from './service-verifier.ts';

/** A JSON body between the planes, in bytes: a whole catalog, or a full batch of events. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface InternalRouterOptions {
  routes: readonly BoundInternalRoute[];
  verifier: ServiceVerifier;
  log: Logger;
  /** Of this plane; other numbers are for tests. */
  protocol?: number;
}

/**
 * Serves the routes between the planes. Whoever is not believed gets the 404 of a path that does
 * not exist; the log says why. Other paths are left alone: `false`.
 */
export function internalRouter(options: InternalRouterOptions) {
  const { verifier, log, protocol = PLANE_PROTOCOL } = options;
  const routes = options.routes.map((route) => ({ route, pattern: parametersOf(route.path) }));

  return async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const target = request.url ?? '';
    if (!target.startsWith('/v1/internal/')) return false;
    const refuse = (reason: string) => {
      log.warn({ path: target.split('?')[0], reason }, 'a request to the internal surface refused');
      notFound(response);
      return true;
    };
    const token = /^bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) return refuse('no service token');
    const method = request.method ?? '';
    const verified = await verifier.verify({ token, method, path: target });
    if ('refused' in verified) return refuse(verified.refused);
    response.setHeader(PLANE_PROTOCOL_HEADER, String(protocol));
    try {
      requireProtocol(request, protocol);
      const answer = await handled(request, response, verified);
      await send(response, answer);
    } catch (error) {
      const known = asKartaError(error);
      if (known.code === 'internal') {
        log.error({ path: target.split('?')[0], ...loggable(error) }, 'internal request failed');
      }
      sendProblem(response, known);
    }
    return true;
  };

  async function handled(
    request: IncomingMessage,
    response: ServerResponse,
    verified: VerifiedCall,
  ): Promise<object | null> {
    const [path = '', search = ''] = (request.url ?? '').split('?', 2);
    for (const { route, pattern } of routes) {
      const theirs = (route.peer ?? 'plane') === verified.kind && route.method === request.method;
      const match = theirs ? pattern.exec(path) : null;
      if (match === null) continue;
      const gone = new AbortController();
      response.once('close', () => {
        // Each abort costs an exception with its stack; of an answered call nothing is left to stop.
        if (!response.writableFinished) gone.abort();
      });
      const call: InternalCall<unknown> = {
        nodeId: verified.nodeId,
        param: (name) => decodeURIComponent(match.groups?.[name] ?? ''),
        query: new URLSearchParams(search),
        body: route.streamed ? undefined : await bodyOf(request, route, verified),
        grant: headerOf(request, GRANT_HEADER),
        stream: request,
        streamDigest: verified.bodyDigest,
        signal: gone.signal,
      };
      // The body went through the route's own schema.
      return route.handle(call as InternalCall<never>);
    }
    return null;
  }
}

async function bodyOf(
  request: IncomingMessage,
  route: BoundInternalRoute,
  verified: VerifiedCall,
): Promise<unknown> {
  const bytes = await readBytes(request, MAX_BODY_BYTES);
  if (bodyDigest(bytes) !== verified.bodyDigest) {
    throw new KartaError('invalid_request', 'The body is not the one that was signed for.');
  }
  if (route.body === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new KartaError('invalid_json', 'The body is not JSON.');
  }
  return validBody(route.body, value);
}

function requireProtocol(request: IncomingMessage, ours: number): void {
  const theirs = headerOf(request, PLANE_PROTOCOL_HEADER);
  if (theirs === String(ours)) return;
  throw new KartaError(
    'plane_mismatch',
    `This plane speaks protocol ${ours}, the one that asks ${theirs ?? 'none'}.`,
  );
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

/** The one answer to whoever has no business here, and to a path that does not exist. */
export function notFound(response: ServerResponse): void {
  response.writeHead(404, { connection: 'close' }).end();
}

async function send(response: ServerResponse, answer: object | null): Promise<void> {
  if (answer === null) {
    sendProblem(response, new KartaError('not_found'));
    return;
  }
  if (!(answer instanceof Response)) {
    const text = JSON.stringify(answer);
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    response.writeHead(200, headers).end(text);
    return;
  }
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) response.end();
  else {
    response.flushHeaders();
    await pipeline(Readable.fromWeb(answer.body as never), response);
  }
}

function sendProblem(response: ServerResponse, error: KartaError): void {
  if (response.headersSent) {
    // Half an answer must not look like a whole one.
    response.destroy();
    return;
  }
  const problem = problemOf(error, newId('request'));
  response.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    ...(error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }),
  });
  response.end(JSON.stringify(problem));
}

/** The pattern of a path with its parameters as named groups. */
function parametersOf(path: string): RegExp {
  const { source } = patternOf(path);
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  let index = 0;
  return new RegExp(source.replaceAll('[^/]+', () => `(?<${names[index++]}>[^/]+)`));
}
