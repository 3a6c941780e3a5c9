import type { IncomingMessage } from 'node:http';
import {
  asKartaError,
  type DocumentInfo,
  honoPath,
  loggable,
  openAnswers,
  openApiDocument,
  patternOf,
  problemResponse,
  type RequestEnv,
  requestId,
  type ServedApp,
  type ServedPath,
  unmatched,
} from '@karta/http';
import { Hono } from 'hono';
import type { Logger } from 'pino';
import type { Authenticator, BoundRoute } from './route.ts';

/** The version that `/openapi.json` states: that of the public surface. */
const API_VERSION = '1.0.0';

const PUBLIC_DOCUMENT = {
  title: 'Karta control plane',
  description: 'Orgs, keys, projects, releases, usage, webhooks and the audit log.',
};

/** A surface of its own below a prefix. Its `KartaError`s are answered as everywhere. */
export interface Mount {
  prefix: string;
  fetch(request: Request, incoming: IncomingMessage): Promise<Response> | Response;
}

export interface ControlHttp {
  routes: readonly BoundRoute[];
  authenticator: Authenticator;
  /** Surfaces of their own below a prefix, such as the login of people. They are not in the document. */
  mounts: readonly Mount[];
  webhooks: NonNullable<DocumentInfo['webhooks']>;
  /** Of the document; that of the control plane's public surface by default. */
  document?: Pick<DocumentInfo, 'title' | 'description'>;
  log: Logger;
  ready(): boolean;
}

/** The control plane's public surface: every operation, and the document that describes them. */
export function createControlApp(deps: ControlHttp): ServedApp {
  const app = new Hono<RequestEnv>({ strict: true });
  const served: ServedPath[] = [];
  app.use(requestId);
  for (const route of deps.routes) {
    const { method, path } = route.operation;
    app.on(method.toUpperCase(), honoPath(path), (c) => route.serve(c, deps.authenticator));
    served.push({
      pattern: patternOf(path),
      methods: method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
    });
  }
  for (const { prefix, fetch } of deps.mounts) {
    app.all(`${prefix}/*`, (c) => {
      c.set('route', `${prefix}/*`);
      return fetch(c.req.raw, c.env.incoming);
    });
  }
  serveOpen(app, deps, served);
  app.notFound(unmatched(served));
  app.onError((error, c) => {
    const known = asKartaError(error);
    if (known.code === 'internal') {
      deps.log.error({ request_id: c.get('requestId'), ...loggable(error) }, 'request failed');
    }
    return problemResponse(known, c.get('requestId'));
  });
  return { fetch: (request, bindings) => app.fetch(request, bindings), closeStreams: () => {} };
}

function serveOpen(app: Hono<RequestEnv>, deps: ControlHttp, served: ServedPath[]): void {
  const operations = deps.routes.map((route) => route.operation);
  const document = JSON.stringify(
    openApiDocument(operations, {
      ...(deps.document ?? PUBLIC_DOCUMENT),
      version: API_VERSION,
      named: {},
      webhooks: deps.webhooks,
    }),
  );
  for (const [path, answer] of Object.entries(openAnswers(document, () => deps.ready()))) {
    app.get(path, (c) => {
      c.set('route', path);
      return answer();
    });
    served.push({ pattern: patternOf(path), methods: ['GET', 'HEAD'] });
  }
}
