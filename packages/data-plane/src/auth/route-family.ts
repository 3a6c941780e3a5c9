import { KartaError } from '@karta/protocol';
import type { ControlPlane, Principal, Project } from '../control/port.ts';

/** Refuses a session token on the flat family, before anything is looked up. */
export function requireFlatFamily(principal: Principal): void {
  if (principal.kind === 'session_token') throw new KartaError('wrong_route_family');
}

/**
 * The project that a project route names, found within the principal's org only. Throws
 * `KartaError`: `not_found` when the org has none of that ref, `wrong_project` when it is not the
 * one that a session token was minted for.
 */
export async function projectForRoute(
  control: Pick<ControlPlane, 'project'>,
  principal: Principal,
  ref: string,
): Promise<Project> {
  const project = await control.project(principal.orgId, ref);
  if (project === null) throw new KartaError('not_found', 'There is no such project.');
  if (principal.kind === 'session_token' && principal.projectId !== project.id) {
    throw new KartaError('wrong_project');
  }
  return project;
}
