import { member, memberList, patchMemberBody } from '@karta/protocol';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import type { Members } from './members.ts';

/** The members of the org that one acts in. */
export function memberRoutes(members: Members): BoundRoute[] {
  return [
    defineRoute({
      id: 'listMembers',
      summary: 'Members, in the order they came',
      tag: 'members',
      method: 'get',
      path: '/v1/members',
      access: 'members.read',
      answers: { 200: { description: 'Members', content: { 'application/json': memberList } } },
      handle: async ({ caller }) =>
        json(200, { members: await members.list(caller.orgId), next_cursor: null }),
    }),
    defineRoute({
      id: 'updateMember',
      summary: "Change a member's role",
      tag: 'members',
      method: 'patch',
      path: '/v1/members/{person_id}',
      access: 'members.manage',
      body: patchMemberBody,
      answers: { 200: { description: 'The member', content: { 'application/json': member } } },
      handle: async ({ caller, body, param }) =>
        json(200, await members.setRole(caller, param('person_id'), body.role)),
    }),
    defineRoute({
      id: 'removeMember',
      summary: 'Remove a member',
      tag: 'members',
      method: 'delete',
      path: '/v1/members/{person_id}',
      access: 'members.manage',
      answers: { 204: { description: 'Removed' } },
      async handle({ caller, param }) {
        await members.remove(caller, param('person_id'));
        return noContent();
      },
    }),
    defineRoute({
      id: 'leaveOrg',
      summary: 'Leave the org',
      tag: 'members',
      method: 'post',
      path: '/v1/org/leave',
      access: 'org.leave',
      answers: { 204: { description: 'Left' } },
      async handle({ caller }) {
        await members.leave(caller);
        return noContent();
      },
    }),
  ];
}
