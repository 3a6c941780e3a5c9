import { onceOnly } from '@karta/http';
import {
  createSessionBody,
  KartaError,
  LIMITS,
  patchSessionBody,
  session,
  sessionStatus,
} from '@karta/protocol';
import { z } from 'zod';
import { refuseEndUser, requireApiKey } from '../../auth/scopes.ts';
import { onlySessionOf, requireTokenScope, withPinnedMetadata } from '../../auth/token-rights.ts';
import type { Principal, Project } from '../../control/port.ts';
import type { HttpDeps } from '../deps.ts';
import { rememberAs } from '../remember.ts';
import { type Call, defineRoute, json, noContent } from '../route.ts';
import { sessionList } from '../schemas.ts';
import { BOTH_FAMILIES, jsonOf, sessionIdOf } from './session-route.ts';

type CreateBody = z.infer<typeof createSessionBody>;

export const createSession = defineRoute({
  id: 'createSession',
  summary: 'Create a session, or resume one by session_id or match',
  method: 'post',
  path: '/sessions',
  families: BOTH_FAMILIES,
  scope: 'write',
  token: 'chat',
  body: createSessionBody,
  projectBody: createSessionBody.omit({ project: true }),
  answers: {
    200: { description: 'Resumed', content: jsonOf(session) },
    201: { description: 'Created', content: jsonOf(session) },
  },
  async handle(call: Call<CreateBody, undefined>, deps) {
    const project = call.project ?? (await flatProject(call, deps));
    const body = boundedByToken(call.caller.principal, call.body);
    const scope = call.idempotencyScope(project.id);
    // Which of the two a `match` is shows only when it is done; its repeat finds the session.
    const status = call.body.session_id === undefined && call.body.match === undefined ? 201 : 200;
    return onceOnly(deps.idempotency, scope, call.bodyDigest, {
      async first() {
        const remember = rememberAs<{ id: string }>(scope, status, (made) => made.id);
        const made = await deps.sessions.create(call.caller, project, body, remember);
        return json(made.created ? 201 : 200, made.session);
      },
      async again(sessionId, first) {
        return json(first, await deps.sessions.get(call.caller, sessionId));
      },
    });
  },
});

export const getSession = defineRoute({
  id: 'getSession',
  summary: 'Read a session',
  method: 'get',
  path: '/sessions/{session_id}',
  families: BOTH_FAMILIES,
  scope: 'read',
  token: 'chat',
  answers: { 200: { description: 'The session', content: jsonOf(session) } },
  async handle(call, deps) {
    return json(200, await deps.sessions.get(call.caller, sessionIdOf(call)));
  },
});

const listQuery = z.object({
  status: sessionStatus.optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageSize).optional(),
  cursor: z.string().min(1).max(1024).optional(),
});

export const listSessions = defineRoute({
  id: 'listSessions',
  summary: 'List sessions, newest first; metadata[key]=value selects',
  method: 'get',
  path: '/sessions',
  families: BOTH_FAMILIES,
  scope: 'read',
  token: 'chat',
  query: listQuery,
  parameters: [
    {
      name: 'metadata',
      in: 'query',
      required: false,
      description: 'metadata[key]=value: sessions with this value under this key',
      style: 'deepObject',
      explode: true,
      schema: { type: 'object', additionalProperties: { type: 'string' } },
    },
  ],
  answers: { 200: { description: 'A page of sessions', content: jsonOf(sessionList) } },
  async handle(call, deps) {
    if (call.caller.principal.sub === null)
      refuseEndUser(call.caller.principal, 'Listing sessions');
    const { sessions, nextCursor } = await deps.sessions.list(call.caller, {
      metadata: metadataFilter(call.search),
      status: call.query.status,
      limit: call.query.limit ?? DEFAULT_PAGE,
      cursor: call.query.cursor,
    });
    return json(200, { sessions, next_cursor: nextCursor });
  },
});

/** Sessions on a page when the request names no limit. */
const DEFAULT_PAGE = 20;

export const patchSession = defineRoute({
  id: 'updateSession',
  summary: 'Change metadata (null removes a key), agent or permission mode',
  method: 'patch',
  path: '/sessions/{session_id}',
  families: BOTH_FAMILIES,
  scope: 'write',
  token: 'chat',
  body: patchSessionBody,
  answers: { 200: { description: 'The session', content: jsonOf(session) } },
  async handle(call, deps) {
    const { principal } = call.caller;
    if (call.body.permission_mode !== undefined) {
      requireApiKey(principal, 'Changing permission_mode');
    }
    if (call.body.current_agent !== undefined) requireTokenScope(principal, 'agent');
    if (call.body.metadata !== undefined) withPinnedMetadata(principal, call.body.metadata);
    return json(200, await deps.sessions.patch(call.caller, sessionIdOf(call), call.body));
  },
});

export const endSession = defineRoute({
  id: 'deleteSession',
  summary: 'End a session and destroy its files',
  method: 'delete',
  path: '/sessions/{session_id}',
  families: BOTH_FAMILIES,
  scope: 'write',
  token: 'never',
  answers: { 204: { description: 'Ended' } },
  async handle(call, deps) {
    await deps.sessions.end(call.caller, sessionIdOf(call));
    return noContent();
  },
});

export const cancelTurn = defineRoute({
  id: 'cancelTurn',
  summary: 'Cancel the running turn; it ends with stop_reason "cancelled"',
  method: 'post',
  path: '/sessions/{session_id}/cancel',
  families: BOTH_FAMILIES,
  scope: 'write',
  token: 'chat',
  body: z.strictObject({}),
  answers: { 200: { description: 'The session', content: jsonOf(session) } },
  async handle(call, deps) {
    const sessionId = sessionIdOf(call);
    const scope = call.idempotencyScope(sessionId);
    return onceOnly(deps.idempotency, scope, call.bodyDigest, {
      async first() {
        const cancelled = await deps.sessions.cancel(call.caller, sessionId);
        if (scope) await deps.idempotency.complete(scope, sessionId, 200);
        return json(200, cancelled);
      },
      async again() {
        return json(200, await deps.sessions.get(call.caller, sessionId));
      },
    });
  },
});

/** What a token's holder may create: with the token's metadata, in its one session. */
function boundedByToken(principal: Principal, body: CreateBody): CreateBody {
  const sessionId = onlySessionOf(principal);
  if (sessionId !== null && body.session_id !== sessionId) {
    throw new KartaError('forbidden', 'This token is for one session, which it may resume.');
  }
  if (principal.token === null) return body;
  return { ...body, metadata: withPinnedMetadata(principal, body.metadata ?? {}) };
}

/** The project of a flat call: the one it names, else the org's default. */
async function flatProject(call: Call<CreateBody, undefined>, deps: HttpDeps): Promise<Project> {
  const { orgId } = call.caller.principal;
  const named = call.body.project;
  const project =
    named === undefined
      ? await deps.control.defaultProject(orgId)
      : await deps.control.project(orgId, named);
  if (project !== null) return project;
  if (named !== undefined) throw new KartaError('not_found', 'There is no such project.');
  // Without a project there has never been a session, so this one is unknown.
  if (call.body.session_id !== undefined) throw new KartaError('not_found');
  throw new KartaError('no_active_release', 'Nothing has been published yet.');
}

/** `metadata[key]=value` parameters. */
function metadataFilter(search: URLSearchParams): Record<string, string> {
  const filter: Record<string, string> = Object.create(null);
  for (const [name, value] of search) {
    if (!name.startsWith('metadata[')) continue;
    const key = /^metadata\[(.+)\]$/s.exec(name)?.[1];
    if (key === undefined) {
      throw new KartaError('invalid_request', 'A filter must be metadata[key]=value.');
    }
    filter[key] = value;
  }
  if (Object.keys(filter).length > LIMITS.metadataKeys) {
    throw new KartaError('invalid_request', `At most ${LIMITS.metadataKeys} metadata filters.`);
  }
  for (const text of Object.entries(filter).flat()) {
    if (text.includes('\0')) throw new KartaError('invalid_request', 'A filter contains NUL.');
  }
  return filter;
}
