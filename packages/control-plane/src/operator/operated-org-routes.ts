import {
  createdInvitation,
  createInvitationBody,
  operatedOrg,
  operatedOrgList,
  operatedOrgQuery,
  operatorCreatedOrg,
  operatorCreateOrgBody,
  suspendOrgBody,
} from '@karta/protocol';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { OperatedOrgs } from './operated-orgs.ts';

const theOrg = { 200: { description: 'The org', content: { 'application/json': operatedOrg } } };

/** Orgs on the admin plane. */
export function operatedOrgRoutes(orgs: OperatedOrgs): BoundRoute[] {
  return [
    defineRoute({
      id: 'listOrgs',
      summary: 'Every org, by slug',
      tag: 'orgs',
      method: 'get',
      path: '/v1/orgs',
      access: 'operator',
      query: operatedOrgQuery,
      answers: { 200: { description: 'Orgs', content: { 'application/json': operatedOrgList } } },
      handle: async ({ query }) => json(200, await orgs.list(query)),
    }),
    defineRoute({
      id: 'createOrg',
      summary: 'Create an org and invite its owner, who may sign up with the link',
      tag: 'orgs',
      method: 'post',
      path: '/v1/orgs',
      access: 'operator',
      body: operatorCreateOrgBody,
      answers: {
        201: {
          description: 'The org and the invitation',
          content: { 'application/json': operatorCreatedOrg },
        },
      },
      handle: async ({ caller, body }) => json(201, await orgs.create(caller, body)),
    }),
    defineRoute({
      id: 'inviteIntoOrg',
      summary: 'Invite somebody into an org, who may sign up with the link',
      tag: 'orgs',
      method: 'post',
      path: '/v1/orgs/{org_id}/invitations',
      access: 'operator',
      body: createInvitationBody,
      answers: {
        201: { description: 'The invitation', content: { 'application/json': createdInvitation } },
      },
      handle: async ({ caller, body, param }) =>
        json(201, await orgs.invite(caller, param('org_id'), body)),
    }),
    defineRoute({
      id: 'suspendOrg',
      summary: 'Refuse every call of an org from now on',
      tag: 'orgs',
      method: 'post',
      path: '/v1/orgs/{org_id}/suspend',
      access: 'operator',
      body: suspendOrgBody,
      answers: theOrg,
      handle: async ({ caller, body, param }) =>
        json(200, await orgs.suspend(caller, param('org_id'), body.reason)),
    }),
    defineRoute({
      id: 'unsuspendOrg',
      summary: 'Let an org work again',
      tag: 'orgs',
      method: 'post',
      path: '/v1/orgs/{org_id}/unsuspend',
      access: 'operator',
      answers: theOrg,
      handle: async ({ caller, param }) => json(200, await orgs.unsuspend(caller, param('org_id'))),
    }),
  ];
}
