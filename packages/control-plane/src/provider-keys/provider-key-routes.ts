import {
  providerKey,
  providerKeyList,
  providerKeySettings,
  providerKeyTest,
  setProviderKeyBody,
} from '@karta/protocol';
import type { z } from 'zod';
import { type BoundRoute, defineRoute, json, jsonAnswer, noContent } from '../http/route.ts';
import type { ProviderKeys } from './provider-keys.ts';

const tag = 'provider keys';

export interface ProviderKeyRouteParts {
  keys: ProviderKeys;
  /** Asks the provider by way of the doors. */
  test(orgId: string, provider: string): Promise<z.infer<typeof providerKeyTest>>;
}

/** The orgs' own keys of model providers: written once, never read back. */
export function providerKeyRoutes({ keys, test }: ProviderKeyRouteParts): BoundRoute[] {
  return [
    defineRoute({
      id: 'setProviderKey',
      summary: 'Make a key the active one of its provider; the one before is destroyed',
      tag,
      method: 'post',
      path: '/v1/provider_keys',
      access: 'provider_keys.manage',
      body: setProviderKeyBody,
      answers: { 201: jsonAnswer('The key, without its secret', providerKey) },
      handle: async ({ caller, body }) => json(201, await keys.set(caller, body)),
    }),
    defineRoute({
      id: 'listProviderKeys',
      summary: 'Active keys, in the order in which they are used',
      tag,
      method: 'get',
      path: '/v1/provider_keys',
      access: 'provider_keys.read',
      answers: { 200: jsonAnswer('Keys', providerKeyList) },
      handle: async ({ caller }) => json(200, await keys.list(caller.orgId)),
    }),
    defineRoute({
      id: 'updateProviderKeySettings',
      summary: 'Whether calls go on with the platform’s key where an own one is refused',
      tag,
      method: 'patch',
      path: '/v1/provider_keys',
      access: 'provider_keys.manage',
      body: providerKeySettings,
      answers: { 200: jsonAnswer('Keys and settings', providerKeyList) },
      handle: async ({ caller, body }) => json(200, await keys.changeSettings(caller, body)),
    }),
    defineRoute({
      id: 'getProviderKey',
      summary: 'A key, without its secret',
      tag,
      method: 'get',
      path: '/v1/provider_keys/{provider_key_id}',
      access: 'provider_keys.read',
      answers: { 200: jsonAnswer('The key', providerKey) },
      handle: async ({ caller, param }) =>
        json(200, await keys.get(caller.orgId, param('provider_key_id'))),
    }),
    defineRoute({
      id: 'destroyProviderKey',
      summary: 'Destroy a key: nobody can read it any more, no call is made with it',
      tag,
      method: 'delete',
      path: '/v1/provider_keys/{provider_key_id}',
      access: 'provider_keys.manage',
      answers: { 204: { description: 'Destroyed' } },
      async handle({ caller, param }) {
        await keys.remove(caller, param('provider_key_id'));
        return noContent();
      },
    }),
    defineRoute({
      id: 'testProviderKey',
      summary: 'Ask the provider whether it takes the key',
      tag,
      method: 'post',
      path: '/v1/provider_keys/{provider_key_id}/test',
      access: 'provider_keys.manage',
      answers: { 200: jsonAnswer('What the provider says', providerKeyTest) },
      async handle({ caller, param }) {
        const { provider } = await keys.get(caller.orgId, param('provider_key_id'));
        return json(200, await test(caller.orgId, provider));
      },
    }),
  ];
}
