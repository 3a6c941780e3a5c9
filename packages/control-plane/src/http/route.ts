import {
  type AnswerSpec,
  type Operation,
  type RequestEnv,
  readJsonBody,
  validBody,
  validQuery,
} from '@karta/http';
import { KartaError } from '@karta/protocol';
import type { Context } from 'hono';
import type { z } from 'zod';
import type { Action } from '../identity/permissions.ts';
import {
  type Actor,
  type Operator,
  type OrgActor,
  type Person,
  requireAction,
  requireOperator,
} from './actor.ts';

/** What a credential is resolved by. Never throws for a bad credential. */
export interface Authenticator {
  actorOf(headers: Pick<Headers, 'get'>): Promise<Actor | null>;
}

/**
 * Who may call: an action of the permission matrix within an org, any signed-in person, an operator
 * (on the admin plane), or anybody.
 */
export type Access = Action | 'person' | 'operator' | 'open';

type CallerOf<A extends Access> = A extends 'person'
  ? Person
  : A extends 'operator'
    ? Operator
    : A extends 'open'
      ? null
      : OrgActor;

/** One operation of the control plane's public surface. */
export interface Route<A extends Access, Body, Query> {
  id: string;
  summary: string;
  tag: string;
  method: Operation['method'];
  /** From the root, with `{name}` for parameters. */
  path: string;
  access: A;
  body?: z.ZodType<Body>;
  query?: z.ZodType<Query>;
  /** The content type of a body that the handler reads by itself. */
  bytes?: string;
  answers: Readonly<Record<number, AnswerSpec>>;
  handle(call: Call<A, Body, Query>): Promise<Response>;
}

/** A request that has passed authentication, permission and validation. */
export interface Call<A extends Access, Body, Query> {
  caller: CallerOf<A>;
  body: Body;
  query: Query;
  /** A path parameter, percent-decoded. */
  param(name: string): string;
  /** The request itself, for streams, headers and the socket. */
  context: Context<RequestEnv>;
  /** SHA-256 of the JSON body, hex; empty without one. */
  bodyDigest: string;
}

/** A route with its types closed over, as the application registers it. */
export interface BoundRoute {
  operation: Operation;
  access: Access;
  serve(context: Context<RequestEnv>, authenticator: Authenticator): Promise<Response>;
}

/** Binds an operation to the steps that every request goes through before its handler. */
export function defineRoute<A extends Access, Body = undefined, Query = undefined>(
  route: Route<A, Body, Query>,
): BoundRoute {
  const { id, summary, tag, method, path, body, query, bytes, answers, access } = route;
  return {
    access,
    operation: {
      id,
      summary,
      tag,
      method,
      path,
      body,
      query,
      bytes,
      answers,
      open: access === 'open',
      ...(isWithinOrg(access) && { parameters: [ORG_HEADER] }),
    },
    async serve(context, authenticator) {
      context.set('route', path);
      const caller = (await callerOf(access, context, authenticator)) as CallerOf<A>;
      const asked = validQuery<Query>(query, new URL(context.req.url).searchParams);
      const read = body ? await readJsonBody(context.env.incoming) : null;
      return route.handle({
        caller,
        body: body && read ? validBody(body, read.value) : (undefined as Body),
        query: asked,
        param: (name) => storable(context.req.param(name) ?? ''),
        context,
        bodyDigest: read?.digest ?? '',
      });
    },
  };
}

/** What names something may be looked for; with a NUL character nothing is named, or could be. */
function storable(name: string): string {
  if (name.includes('\0')) throw new KartaError('not_found');
  return name;
}

async function callerOf(
  access: Access,
  context: Context<RequestEnv>,
  authenticator: Authenticator,
): Promise<Person | Operator | OrgActor | null> {
  if (access === 'open') return null;
  const actor = await authenticator.actorOf({ get: (name) => context.req.header(name) ?? null });
  if (actor === null) throw new KartaError('unauthenticated');
  if (access === 'operator') return requireOperator(actor);
  if (access !== 'person') return requireAction(actor, access);
  if (actor.kind !== 'person') {
    throw new KartaError('forbidden', 'This is for signed-in people; an API key may not.');
  }
  return actor;
}

/** How people choose among their orgs; an API key belongs to one. */
const ORG_HEADER = {
  name: 'karta-org',
  in: 'header',
  required: false,
  description: 'Id or slug of the org to act in; not needed with an API key or with just one org',
  schema: { type: 'string' },
};

function isWithinOrg(access: Access): access is Action {
  return access !== 'person' && access !== 'operator' && access !== 'open';
}

/** A JSON answer, as `/openapi.json` tells of it. */
export function jsonAnswer(description: string, schema: z.ZodType): AnswerSpec {
  return { description, content: { 'application/json': schema } };
}

/** A JSON answer. Nothing of an org is ever kept by a cache. */
export function json(status: number, value: unknown): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  });
}

export function noContent(): Response {
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } });
}
