import type { TurnPayer } from '@karta/protocol';
import type { Principal, Project } from '../control/port.ts';
import { payerOf } from '../sessions/payer.ts';
import type { Caller } from '../sessions/port.ts';
import type { SessionOwner } from '../sessions/session-store.ts';
import { objectsOf, type RateObject } from './rate-subject.ts';

/** What a request is counted on when it comes: what its credential and its path tell. */
export function requestObjects(principal: Principal, project: Project | null): RateObject[] {
  const project_id = project?.id ?? null;
  return objectsOf({ ...payerOf(principal, null), org_id: principal.orgId, project_id });
}

/** What a message is counted on beside that: what only its session tells. */
export function messageObjects(
  { principal, project }: Caller,
  { org_id: org, project_id, sub }: SessionOwner,
): RateObject[] {
  const objects: RateObject[] = [];
  if (project === null) objects.push({ org, scope: 'project', id: project_id });
  if (principal.sub === null && sub !== null) objects.push({ org, scope: 'end_user', id: sub });
  return objects;
}

/** What a turn of the session is counted on. */
export function turnObjects(payer: TurnPayer, { org_id, project_id }: SessionOwner): RateObject[] {
  return objectsOf({ ...payer, org_id, project_id });
}

/** Whether a refusal may name the limit: end users learn only when to come again. */
export function tellsLimits(principal: Principal): boolean {
  return principal.kind !== 'session_token';
}
