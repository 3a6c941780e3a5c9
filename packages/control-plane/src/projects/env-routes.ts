import { envChange, envList, envName, KartaError, RESERVED_ENV, setEnvBody } from '@karta/protocol';
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
        json(200, await env.set(caller, param('ref'), settable(param('name')), body)),
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

/** A name that a publish would take: what is stored otherwise would never be seen again. */
function settable(given: string): string {
  const name = nameOf(given);
  if (!RESERVED_ENV.test(name)) return name;
  throw refused("is the platform's own and enters no sandbox; choose another");
}

function nameOf(given: string): string {
  const parsed = envName.safeParse(given);
  if (parsed.success) return parsed.data;
  throw refused(parsed.error.issues[0]?.message ?? 'is no name');
}

function refused(message: string): KartaError {
  return new KartaError('validation_failed', `The name ${message}.`, {
    extra: { errors: [{ pointer: '', parameter: 'name', message }] },
  });
}
