import { type IdempotencyStore, idempotencyKeyOf, onceOnly } from '@karta/http';
import {
  createOrgBody,
  deleteOrgBody,
  KartaError,
  me,
  org,
  orgList,
  ownOrg,
  patchOrgBody,
} from '@karta/protocol';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import type { Database } from '../sql/database.ts';
import type { Orgs } from './orgs.ts';

const answer = (schema: typeof org | typeof ownOrg) => ({
  description: 'The org',
  content: { 'application/json': schema },
});

/** Who one is, one's orgs, and the org that one acts in. */
export function orgRoutes(
  orgs: Orgs,
  database: Database,
  idempotency: IdempotencyStore,
): BoundRoute[] {
  return [
    defineRoute({
      id: 'getMe',
      summary: 'Who is signed in, and in which orgs',
      tag: 'people',
      method: 'get',
      path: '/v1/me',
      access: 'person',
      answers: { 200: { description: 'The person', content: { 'application/json': me } } },
      async handle({ caller }) {
        const person = await database
          .selectFrom('people')
          .where('id', '=', caller.id)
          .select(['id', 'email', 'name', 'email_verified', 'two_factor_enabled'])
          .executeTakeFirst();
        if (!person) throw new KartaError('unauthenticated');
        return json(200, {
          ...person,
          two_factor_enabled: person.two_factor_enabled === true,
          orgs: await orgs.of(caller.id),
        });
      },
    }),
    defineRoute({
      id: 'listOrgs',
      summary: 'The orgs of whoever is signed in',
      tag: 'orgs',
      method: 'get',
      path: '/v1/orgs',
      access: 'person',
      answers: { 200: { description: 'Orgs', content: { 'application/json': orgList } } },
      handle: async ({ caller }) =>
        json(200, { orgs: await orgs.of(caller.id), next_cursor: null }),
    }),
    defineRoute({
      id: 'createOrg',
      summary: 'Create an org; whoever does owns it',
      tag: 'orgs',
      method: 'post',
      path: '/v1/orgs',
      access: 'person',
      body: createOrgBody,
      answers: { 201: answer(ownOrg) },
      async handle({ caller, body, context, bodyDigest }) {
        const key = idempotencyKeyOf(context.req.header('idempotency-key'));
        const { id: principalId } = caller;
        // There is no org yet: the key is the person's own.
        const scope =
          key === null ? null : { orgId: principalId, principalId, route: 'createOrg', key };
        return onceOnly(idempotency, scope, bodyDigest, {
          first: async () => json(201, await orgs.create(caller, body, scope)),
          async again(id) {
            const made = (await orgs.of(principalId)).find((own) => own.id === id);
            if (!made) throw new KartaError('not_found', 'The org that was created is gone.');
            return json(201, made);
          },
        });
      },
    }),
    defineRoute({
      id: 'getOrg',
      summary: 'The org',
      tag: 'orgs',
      method: 'get',
      path: '/v1/org',
      access: 'org.read',
      answers: { 200: answer(org) },
      handle: async ({ caller }) => json(200, await orgs.get(caller.orgId)),
    }),
    defineRoute({
      id: 'updateOrg',
      summary: 'Rename the org; its slug never changes',
      tag: 'orgs',
      method: 'patch',
      path: '/v1/org',
      access: 'org.update',
      body: patchOrgBody,
      answers: { 200: answer(org) },
      handle: async ({ caller, body }) => json(200, await orgs.rename(caller, body.name)),
    }),
    defineRoute({
      id: 'deleteOrg',
      summary: 'Delete the org for everyone',
      tag: 'orgs',
      method: 'delete',
      path: '/v1/org',
      access: 'org.delete',
      body: deleteOrgBody,
      answers: { 204: { description: 'Deleted' } },
      async handle({ caller, body }) {
        await orgs.remove(caller, body.confirm);
        return noContent();
      },
    }),
  ];
}
