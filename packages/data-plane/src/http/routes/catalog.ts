import { LIMITS } from '@karta/protocol';
import { defineRoute, json } from '../route.ts';
import { harnessList, limitList, projectView } from '../schemas.ts';
import { jsonOf } from './session-route.ts';

export const listHarnesses = defineRoute({
  id: 'listHarnesses',
  summary: 'Harnesses of this server and what each can do',
  method: 'get',
  path: '/harnesses',
  families: ['flat'],
  scope: 'read',
  token: 'never',
  answers: { 200: { description: 'Harnesses', content: jsonOf(harnessList) } },
  async handle(_call, deps) {
    const harnesses = await Promise.all(
      deps.harnesses.map(async (harness) => {
        const found = await harness.installed();
        return {
          id: harness.id,
          name: harness.name,
          installed: found.installed,
          version: found.installed ? found.version : null,
          message: found.installed ? null : found.message,
          capabilities: snakeCased(harness.capabilities),
        };
      }),
    );
    return json(200, { harnesses });
  },
});

export const listLimits = defineRoute({
  id: 'listLimits',
  summary: 'Limits that requests are held against: bytes, milliseconds or counts',
  method: 'get',
  path: '/limits',
  families: ['flat'],
  scope: 'read',
  token: 'never',
  answers: { 200: { description: 'Limits', content: jsonOf(limitList) } },
  async handle() {
    return json(200, { limits: snakeCased(LIMITS) });
  },
});

export const getProject = defineRoute({
  id: 'getProject',
  summary: 'The project and its active release',
  method: 'get',
  path: '',
  families: ['project'],
  scope: 'read',
  token: 'chat',
  answers: { 200: { description: 'The project', content: jsonOf(projectView) } },
  async handle({ project }, deps) {
    if (project === null) throw new Error('a project route without a project');
    const { id, orgId, ref, activeReleaseId } = project;
    const release = activeReleaseId ? await deps.control.release(orgId, activeReleaseId) : null;
    return json(200, { ref, project_id: id, version: release?.version ?? null });
  },
});

/** Keys as the wire writes them: `agentPerTurn` becomes `agent_per_turn`. */
function snakeCased(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      inner,
    ]),
  );
}
