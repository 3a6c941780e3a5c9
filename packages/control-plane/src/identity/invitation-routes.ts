import type { IdempotencyStore } from '@karta/http';
import {
  acceptInvitationBody,
  createdInvitation,
  createInvitationBody,
  inspectedInvitation,
  inspectInvitationBody,
  invitationList,
  ownOrg,
} from '@karta/protocol';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import { shownOnce } from '../http/shown-once.ts';
import type { Invitations } from './invitations.ts';

/** Invitations: made and taken back within an org, accepted by whoever has the link. */
export function invitationRoutes(
  invitations: Invitations,
  idempotency: IdempotencyStore,
): BoundRoute[] {
  return [
    defineRoute({
      id: 'listInvitations',
      summary: 'Invitations, the newest first',
      tag: 'members',
      method: 'get',
      path: '/v1/invitations',
      access: 'members.read',
      answers: {
        200: { description: 'Invitations', content: { 'application/json': invitationList } },
      },
      handle: async ({ caller }) =>
        json(200, { invitations: await invitations.list(caller.orgId), next_cursor: null }),
    }),
    defineRoute({
      id: 'createInvitation',
      summary: 'Invite somebody; the link is shown only here, or sent by e-mail',
      tag: 'members',
      method: 'post',
      path: '/v1/invitations',
      access: 'members.manage',
      body: createInvitationBody,
      answers: {
        201: { description: 'The invitation', content: { 'application/json': createdInvitation } },
      },
      handle: (call) =>
        shownOnce(idempotency, call, 'createInvitation', (scope) =>
          invitations.create(call.caller, call.body, scope),
        ),
    }),
    defineRoute({
      id: 'revokeInvitation',
      summary: 'Take an invitation back',
      tag: 'members',
      method: 'delete',
      path: '/v1/invitations/{invitation_id}',
      access: 'members.manage',
      answers: { 204: { description: 'Taken back' } },
      async handle({ caller, param }) {
        await invitations.revoke(caller, param('invitation_id'));
        return noContent();
      },
    }),
    defineRoute({
      id: 'inspectInvitation',
      summary: 'What a link invites to',
      tag: 'members',
      method: 'post',
      path: '/v1/invitations/inspect',
      access: 'open',
      body: inspectInvitationBody,
      answers: {
        200: {
          description: 'The invitation',
          content: { 'application/json': inspectedInvitation },
        },
      },
      async handle({ body }) {
        const { by_operator: _, ...shown } = await invitations.inspect(body.token);
        return json(200, shown);
      },
    }),
    defineRoute({
      id: 'acceptInvitation',
      summary: 'Join the org that a link invites to',
      tag: 'members',
      method: 'post',
      path: '/v1/invitations/accept',
      access: 'person',
      body: acceptInvitationBody,
      answers: { 200: { description: 'The org', content: { 'application/json': ownOrg } } },
      handle: async ({ caller, body }) => json(200, await invitations.accept(caller, body.token)),
    }),
  ];
}
