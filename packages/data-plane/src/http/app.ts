import { Hono } from 'hono';
import { accessLog } from './access-log.ts';
import { cors } from './cors.ts';
import type { HttpDeps, HttpEnv } from './deps.ts';
import { OpenStreams } from './open-streams.ts';
import { openApiDocument } from './openapi.ts';
import { asKartaError, loggable, problemResponse } from './problem.ts';
import { requestId } from './request-id.ts';
import { type BoundRoute, FAMILY_PREFIX } from './route.ts';
import { ROUTES } from './routes/index.ts';
import { patternOf, type ServedPath, unmatched } from './unmatched.ts';

/** The version that `/openapi.json` states: that of the public surface. */
const API_VERSION = '1.0.0';

export interface HttpApp {
  fetch: Hono<HttpEnv>['fetch'];
  /** Event streams that are open now. */
  streams: OpenStreams;
}

/**
 * The public surface: every operation in its families, the document that describes them, and what
 * all answers share. Serve it with `listenHttp`; it needs the sockets of Node.
 */
export function createHttpApp(deps: HttpDeps): HttpApp {
  const app = new Hono<HttpEnv>({ strict: true });
  const streams = new OpenStreams();
  const served: ServedPath[] = [];

  app.use(requestId);
  app.use(accessLog(deps));
  app.use(async (c, next) => {
    c.set('streams', streams);
    await next();
  });
  app.use('/v1/projects/:ref/*', cors(deps.control));

  for (const route of ROUTES) serve(app, route, deps, served);
  serveOpen(app, deps, served);

  app.notFound(unmatched(served));
  app.onError((error, c) => {
    const known = asKartaError(error);
    if (known.code === 'internal') {
      deps.log.error({ request_id: c.get('requestId'), ...loggable(error) }, 'request failed');
    }
    return problemResponse(known, c.get('requestId'));
  });
  return { fetch: app.fetch, streams };
}

function serve(app: Hono<HttpEnv>, route: BoundRoute, deps: HttpDeps, served: ServedPath[]): void {
  for (const family of route.families) {
    const path = FAMILY_PREFIX[family] + route.path;
    const method = route.method.toUpperCase();
    app.on(method, honoPath(path), (c) => route.serve(c, family, deps));
    served.push({
      pattern: patternOf(path),
      methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
    });
  }
}

/** What needs no credential: the description and the health of the server. */
function serveOpen(app: Hono<HttpEnv>, deps: HttpDeps, served: ServedPath[]): void {
  const document = JSON.stringify(openApiDocument(ROUTES, API_VERSION));
  const plain = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  const open: Record<string, () => Response> = {
    '/openapi.json': () =>
      new Response(document, { headers: { ...plain, 'access-control-allow-origin': '*' } }),
    '/healthz': () => new Response('{"status":"ok"}', { headers: plain }),
    '/readyz': () =>
      deps.ready()
        ? new Response('{"status":"ok"}', { headers: plain })
        : new Response('{"status":"not_ready"}', { status: 503, headers: plain }),
  };
  for (const [path, answer] of Object.entries(open)) {
    app.get(path, (c) => {
      c.set('route', path);
      return answer();
    });
    served.push({ pattern: patternOf(path), methods: ['GET', 'HEAD'] });
  }
}

/** `{name}` as Hono writes it; `{path}` takes slashes too, and line breaks: names may have them. */
function honoPath(path: string): string {
  return path
    .split('/')
    .map((segment) =>
      segment === '{path}' ? ':path{[^]+}' : segment.replace(/^\{(\w+)\}$/, ':$1'),
    )
    .join('/');
}
