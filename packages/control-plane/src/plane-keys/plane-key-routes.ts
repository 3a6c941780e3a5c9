import { planeKeyList, rotatePlaneKeysBody } from '@karta/protocol';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { PlaneKeys } from './plane-keys-room.ts';

const theKeys = { 'application/json': planeKeyList };

/** The keys by which the planes know each other, on the admin plane. */
export function planeKeyRoutes(keys: Pick<PlaneKeys, 'list' | 'rotate'>): BoundRoute[] {
  return [
    defineRoute({
      id: 'listPlaneKeys',
      summary: 'The keys by which the planes know each other',
      tag: 'server',
      method: 'get',
      path: '/v1/plane_keys',
      access: 'operator',
      answers: { 200: { description: 'Public halves', content: theKeys } },
      handle: async () => json(200, { plane_keys: await keys.list() }),
    }),
    defineRoute({
      id: 'rotatePlaneKeys',
      summary: 'Fresh keys between the planes, while they serve; the former count two minutes more',
      tag: 'server',
      method: 'post',
      path: '/v1/plane_keys/rotate',
      access: 'operator',
      body: rotatePlaneKeysBody,
      answers: {
        200: {
          description: 'As they are now; what a plane out of reach holds up goes on by itself',
          content: theKeys,
        },
      },
      handle: async ({ caller, body }) =>
        json(200, { plane_keys: await keys.rotate(caller, body) }),
    }),
  ];
}
