import { KartaError, orgSpendRules, registerDoorsBody } from '@karta/protocol';
import { internalRoute, newPlaneKey, planeClient } from '@karta/service/plane-auth';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type ControlSurface, serveControlSurface } from '../testing/control-surface.ts';
import { remoteControl } from './remote-control.ts';

const RULES = orgSpendRules.parse({
  capped: true,
  unknown_model: 'refuse',
  own_keys: [],
  platform_fallback: false,
  price_version: '1',
});

let surface: ControlSurface;
beforeAll(async () => {
  const routes = [
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/org',
      peer: 'doors',
      body: z.strictObject({ org_id: z.string() }),
      handle: async ({ grant, body }) => (grant === `grant of ${body.org_id}` ? RULES : null),
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/register',
      peer: 'doors',
      body: registerDoorsBody,
      handle: async ({ body }) => body,
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/leases/report',
      peer: 'doors',
      body: z.unknown(),
      async handle() {
        throw new KartaError('invalid_request', 'An older epoch.');
      },
    }),
  ];
  surface = await serveControlSurface(routes);
});
afterAll(() => surface.close());

const by = (key = surface.doorsKey, baseUrl = surface.url) =>
  remoteControl(planeClient({ baseUrl, key, audience: 'control' }));

it('asks as the doors, about an org with its grant', async () => {
  expect(await by().register(7)).toBe(7);
  expect(await by().rules('org_1', 'grant of org_1')).toEqual(RULES);
  expect(await by().rules('org_1', 'grant of org_2')).toBeNull();
});

it('fails as the control plane says, or as unavailable', async () => {
  await expect(by().report({ epoch: 1, leases: [] })).rejects.toMatchObject({
    code: 'invalid_request',
  });
  for (const control of [by(newPlaneKey()), by(surface.doorsKey, 'http://127.0.0.1:9')]) {
    await expect(control.register(7)).rejects.toMatchObject({ code: 'control_unavailable' });
  }
  await expect(by(surface.dataKey).register(7)).rejects.toMatchObject({
    code: 'control_unavailable',
  });
});
