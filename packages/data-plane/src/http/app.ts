import {
  asKartaError,
  honoPath,
  loggable,
  openAnswers,
  patternOf,
  problemResponse,
  requestId,
  type ServedApp,
  type ServedPath,
  unmatched,
} from '@karta/http';
import { Hono } from 'hono';
import { accessLog } from './access-log.ts';
import { cors } from './cors.ts';
import type { HttpDeps, HttpEnv } from './deps.ts';
import { OpenStreams } from './open-streams.ts';
import { dataPlaneDocument } from './openapi.ts';
import { projectHosts, routedPath } from './project-host.ts';
import { type BoundRoute, FAMILY_PREFIX } from './route.ts';
import { ROUTES } from './routes/index.ts';

export interface HttpApp extends ServedApp {
  /** Event streams that are open now. */
  streams: OpenStreams;
}

/**
 * The public surface: every operation in its families, the document that describes them, and what
 * all answers share. Serve it with `listenHttp`; it needs the sockets of Node.
 */
export function createHttpApp(deps: HttpDeps): HttpApp {
  const hosts = deps.projectHosts ?? projectHosts(null);
  const app = new Hono<HttpEnv>({
    strict: true,
    getPath: (request) => routedPath(request, hosts),
  });
  const streams = new OpenStreams();
  const served: ServedPath[] = [];

  app.use(requestId);
  app.use(accessLog(deps));
  app.use(async (c, next) => {
    c.set('streams', streams);
    await next();
  });
  app.use('/v1/projects/:ref/*', cors(deps.control, hosts));

  deps.control.onRefusals?.(() => {
    streams.closeWhere((principal) => deps.control.refuses?.(principal) ?? false);
  });
  for (const route of ROUTES) serve(app, route, deps, served);
  serveOpen(app, deps, served);

  app.notFound(unmatched<HttpEnv>(served));
  app.onError((error, c) => {
    const known = asKartaError(error);
    if (known.code === 'internal') {
      deps.log.error({ request_id: c.get('requestId'), ...loggable(error) }, 'request failed');
    }
    return problemResponse(known, c.get('requestId'));
  });
  return {
    fetch: (request, bindings) => app.fetch(request, bindings),
    streams,
    closeStreams: () => streams.closeAll(),
  };
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
  const document = JSON.stringify(dataPlaneDocument(ROUTES));
  for (const [path, answer] of Object.entries(openAnswers(document, () => deps.ready()))) {
    app.get(path, (c) => {
      c.set('route', path);
      return answer();
    });
    served.push({ pattern: patternOf(path), methods: ['GET', 'HEAD'] });
  }
}
