import { envChange, envList, envName, KartaError, setEnvBody } from '@karta/protocol';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { EnvValues } from './env-values.ts';

const change = { 'application/json': envChange };

/** The values of a project's `[env]`. */
export function envRoutes(env: EnvValues): BoundRoute[] {
  return [
    defineRoute({
      id: 'listEnv',
      summary: 'Values of a project; of secrets only their names',
      tag: 'env',
      method: 'get',
      path: '/v1/projects/{ref}/env',
      access: 'env.read',
      answers: { 200: { description: 'Values', content: { 'application/json': envList } } },
      handle: async ({ caller, param }) =>
        json(200, { values: await env.list(caller.orgId, param('ref')), next_cursor: null }),
    }),
    defineRoute({
      id: 'setEnv',
      summary: 'Set a value; one that is no secret makes a release of its own when one uses it',
      tag: 'env',
      method: 'put',
      path: '/v1/projects/{ref}/env/{name}',
      access: 'env.manage',
      body: setEnvBody,
      answers: { 200: { description: 'What changed', content: change } },
      handle: async ({ caller, param, body }) =>
        json(200, await env.set(caller, param('ref'), nameOf(param('name')), body)),
    }),
    defineRoute({
      id: 'unsetEnv',
      summary: 'Remove a value',
      tag: 'env',
      method: 'delete',
      path: '/v1/projects/{ref}/env/{name}',
      access: 'env.manage',
      answers: { 200: { description: 'What changed', content: change } },
      handle: async ({ caller, param }) =>
        json(200, await env.unset(caller, param('ref'), nameOf(param('name')))),
    }),
  ];
}

function nameOf(given: string): string {
  const parsed = envName.safeParse(given);
  if (parsed.success) return parsed.data;
  const message = parsed.error.issues[0]?.message ?? 'is no name';
  throw new KartaError('validation_failed', `The name ${message}.`, {
    extra: { errors: [{ pointer: '', parameter: 'name', message }] },
  });
}
