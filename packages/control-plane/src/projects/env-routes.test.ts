import { expect, test } from 'vitest';
import { serveRoutes } from '../http/testing/serve-routes.ts';
import { envRoutes } from './env-routes.ts';

test('a name that enters no sandbox is not stored, and can be removed where it was', async () => {
  const told: string[] = [];
  const routes = envRoutes({
    list: () => Promise.resolve([]),
    async set(_caller, _ref, name) {
      told.push(`set ${name}`);
      return { value: null, release: null };
    },
    async unset(_caller, _ref, name) {
      told.push(`unset ${name}`);
      return { value: null, release: null };
    },
    secretsOf: expect.fail,
  });
  const server = await serveRoutes(routes);
  async function ask(method: string, name: string): Promise<number> {
    const answer = await fetch(`${server.url}/v1/projects/shop/env/${name}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(method === 'PUT' ? { body: JSON.stringify({ value: 'x', secret: false }) } : {}),
    });
    return answer.status;
  }
  for (const name of ['LD_PRELOAD', 'PATH', 'ANTHROPIC_API_KEY', 'NODE_OPTIONS']) {
    expect(await ask('PUT', name), name).toBe(422);
  }
  expect(told).toEqual([]);
  expect(await ask('PUT', 'TONE')).toBe(200);
  expect(await ask('DELETE', 'LD_PRELOAD')).toBe(200);
  expect(told).toEqual(['set TONE', 'unset LD_PRELOAD']);
});
