import type { IdempotencyStore } from '@karta/http';
import { apiKeyList, createApiKeyBody, createdApiKey, pageQuery } from '@karta/protocol';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import { shownOnce } from '../http/shown-once.ts';
import type { ApiKeys } from './api-keys.ts';

/** API keys: create, list, revoke. */
export function keyRoutes(keys: ApiKeys, idempotency: IdempotencyStore): BoundRoute[] {
  return [
    defineRoute({
      id: 'createKey',
      summary: 'Create an API key; the answer alone holds it',
      tag: 'keys',
      method: 'post',
      path: '/v1/keys',
      access: 'keys.manage',
      body: createApiKeyBody,
      answers: {
        201: { description: 'The key', content: { 'application/json': createdApiKey } },
      },
      handle: (call) =>
        shownOnce(idempotency, call, 'createKey', (scope) =>
          keys.create(call.caller, call.body, scope),
        ),
    }),
    defineRoute({
      id: 'listKeys',
      summary: 'API keys, newest first, without their secrets',
      tag: 'keys',
      method: 'get',
      path: '/v1/keys',
      access: 'keys.read',
      query: pageQuery,
      answers: { 200: { description: 'Keys', content: { 'application/json': apiKeyList } } },
      async handle({ caller, query }) {
        const page = await keys.list(caller.orgId, query);
        return json(200, { keys: page.keys, next_cursor: page.nextCursor });
      },
    }),
    defineRoute({
      id: 'revokeKey',
      summary: 'Revoke an API key, and the tokens minted with it',
      tag: 'keys',
      method: 'delete',
      path: '/v1/keys/{key_id}',
      access: 'keys.manage',
      answers: { 204: { description: 'Revoked' } },
      async handle({ caller, param }) {
        await keys.revoke(caller, param('key_id'));
        return noContent();
      },
    }),
  ];
}
