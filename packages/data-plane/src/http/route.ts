import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import {
  type AnswerSpec,
  goneSignal,
  type IdempotencyScope,
  idempotencyKeyOf,
  readJsonBody,
  validBody,
  validQuery,
} from '@karta/http';
import { KartaError } from '@karta/protocol';
import type { Context } from 'hono';
import type { z } from 'zod';
import { authenticate } from '../auth/principal.ts';
import { projectForRoute, requireFlatFamily } from '../auth/route-family.ts';
import { requireScope } from '../auth/scopes.ts';
import { requireTokenScope, type TokenNeeds } from '../auth/token-rights.ts';
import type { Principal, Project, Scope } from '../control/port.ts';
import { requestObjects, tellsLimits } from '../rates/counted-objects.ts';
import type { Caller } from '../sessions/port.ts';
import type { HttpDeps, HttpEnv } from './deps.ts';
import type { OpenStreams } from './open-streams.ts';

/** `flat`: `/v1/…` with an API key. `project`: `/v1/projects/{ref}/…` with either credential. */
export type Family = 'flat' | 'project';

export const FAMILY_PREFIX: Readonly<Record<Family, string>> = {
  flat: '/v1',
  project: '/v1/projects/{ref}',
};

/** One operation, written once and served in each of its families. */
export interface Route<Body, Query> {
  /** The operation's name in `/openapi.json`. */
  id: string;
  summary: string;
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Below the family's prefix, with `{name}` for parameters; `{path}` takes all that is left. */
  path: string;
  families: readonly Family[];
  scope: Scope;
  /** What a session token must have, which is on the project family only. */
  token: TokenNeeds;
  /** Whether a stream ticket in the query will do for a credential. */
  takesTicket?: boolean;
  body?: z.ZodType<Body>;
  /** The body on the project family, where it differs. */
  projectBody?: z.ZodType<Body>;
  /** The body is a file's bytes, read by the handler itself. */
  takesBytes?: boolean;
  query?: z.ZodType<Query>;
  /** Parameters that the handler reads by itself, as OpenAPI writes them. */
  parameters?: readonly Readonly<Record<string, unknown>>[];
  answers: Readonly<Record<number, AnswerSpec>>;
  handle(call: Call<Body, Query>, deps: HttpDeps): Promise<Response>;
}

/** A request that has passed authentication, scope and validation. */
export interface Call<Body, Query> {
  caller: Caller & { principal: Principal };
  family: Family;
  project: Project | null;
  body: Body;
  query: Query;
  /** A path parameter, percent-decoded. */
  param(name: string): string;
  header(name: string): string | undefined;
  /** Every query parameter, as sent. */
  search: URLSearchParams;
  /** Scope of the request's idempotency key for this operation on `object`; `null` without a key. */
  idempotencyScope(object: string): IdempotencyScope | null;
  bodyDigest: string;
  /** The answer's body will not be sent. */
  headOnly: boolean;
  incoming: IncomingMessage;
  outgoing: HttpBindings['outgoing'];
  url: string;
  requestId: string;
  /** Makes a signal that aborts when the client has gone. */
  signal(): AbortSignal;
  streams: OpenStreams;
  /** A stream ticket stood for the credential. */
  byTicket: boolean;
}

/** A route with its types closed over, as the application registers it. */
export interface BoundRoute
  extends Omit<Route<never, never>, 'body' | 'projectBody' | 'query' | 'handle'> {
  body?: z.ZodType;
  projectBody?: z.ZodType;
  query?: z.ZodType;
  serve(c: Context<HttpEnv>, family: Family, deps: HttpDeps): Promise<Response>;
}

/** Binds an operation to the steps that every request goes through before its handler. */
export function defineRoute<Body = undefined, Query = undefined>(
  route: Route<Body, Query>,
): BoundRoute {
  return {
    ...route,
    async serve(c, family, deps) {
      c.set('route', FAMILY_PREFIX[family] + route.path);
      const ticket = route.takesTicket ? c.req.query('ticket') : undefined;
      const principal =
        ticket === undefined
          ? await authenticate(deps.control, { get: (name) => c.req.header(name) ?? null })
          : holderOf(ticket, c.req.param('session_id') ?? '', deps);
      c.set('principal', principal);
      const project = await projectOf(c, family, principal, deps);
      if (project !== null) c.set('project', project);
      deps.rates?.takeRequest(requestObjects(principal, project), tellsLimits(principal));
      requireScope(principal, route.scope);
      requireTokenScope(principal, route.token);
      const search = new URL(c.req.url).searchParams;
      const query = validQuery<Query>(route.query, search, (name) => readByHandler(route, name));
      const schema = (family === 'project' ? route.projectBody : undefined) ?? route.body;
      const read = schema ? await readJsonBody(c.env.incoming) : null;
      const body = schema && read ? validBody(schema, read.value) : (undefined as Body);
      return route.handle(
        {
          caller: { principal, project },
          family,
          project,
          body,
          query,
          param: (name) => c.req.param(name) ?? '',
          header: (name) => c.req.header(name),
          search,
          idempotencyScope(object) {
            const key = idempotencyKeyOf(c.req.header('idempotency-key'));
            if (key === null) return null;
            const { orgId, id: principalId } = principal;
            return { orgId, principalId, route: `${route.id} ${object}`, key };
          },
          bodyDigest: read?.digest ?? '',
          headOnly: c.req.method === 'HEAD',
          incoming: c.env.incoming,
          outgoing: c.env.outgoing,
          url: c.req.url,
          requestId: c.get('requestId'),
          signal: () => goneSignal(c.env.outgoing),
          streams: c.get('streams'),
          byTicket: ticket !== undefined,
        },
        deps,
      );
    },
  };
}

/** Whether `name` is a query parameter that the route's handler reads by itself. */
function readByHandler({ parameters = [] }: Pick<Route<never, never>, 'parameters'>, name: string) {
  return parameters.some(
    (one) =>
      one.in === 'query' &&
      (one.style === 'deepObject' ? name.startsWith(`${one.name}[`) : name === one.name),
  );
}

/** Whom a stream ticket was issued to. Throws `KartaError('unauthenticated')`. */
function holderOf(ticket: string, sessionId: string, deps: HttpDeps): Principal {
  const principal = deps.tickets.open(ticket, sessionId);
  if (principal === null || deps.control.refuses?.(principal)) {
    throw new KartaError(
      'unauthenticated',
      'The ticket is not valid for this session, or any more.',
    );
  }
  return principal;
}

async function projectOf(
  c: Context<HttpEnv>,
  family: Family,
  principal: Principal,
  deps: HttpDeps,
): Promise<Project | null> {
  if (family === 'project') {
    const label = deps.projectHosts?.(c.req.header('host')) ?? null;
    const byHost = (orgId: string, given: string) => deps.control.projectOfHost(orgId, given);
    const control = label === null ? deps.control : { project: byHost };
    return projectForRoute(control, principal, label ?? c.req.param('ref') ?? '');
  }
  requireFlatFamily(principal);
  return null;
}

/** A JSON answer. Objects of an org are never kept by a cache. */
export function json(status: number, value: unknown): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  });
}

export function noContent(): Response {
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } });
}
