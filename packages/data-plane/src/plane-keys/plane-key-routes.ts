import {
  type BoundInternalRoute,
  internalRoute,
  type KeyOffer,
  offerKeyBody,
  type RotatingKey,
  type TrustedKeys,
  trustKeyBody,
  useKeyBody,
} from '@karta/service/plane-auth';
import type { DoorsClient } from '../runner/doors/doors-client.ts';

export interface PlaneKeyParts {
  /** What this plane signs with. */
  own: RotatingKey;
  /** Of the control plane. */
  trusted: TrustedKeys;
  doors: Pick<DoorsClient, 'offerKey' | 'useKey'>;
}

/**
 * How the control plane changes the keys of this node, of its doors, and its own as this node knows
 * it. Each answer is given once what it says is on disk, and again when it is asked for again.
 */
export function planeKeyRoutes({ own, trusted, doors }: PlaneKeyParts): BoundInternalRoute[] {
  return [
    internalRoute({
      method: 'POST',
      path: '/v1/internal/plane-keys/offer',
      body: offerKeyBody,
      handle: async ({ body: { kind, rotation_id: id } }): Promise<KeyOffer> =>
        kind === 'node' ? { offer: await own.offer(id) } : doors.offerKey(id),
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/plane-keys/use',
      body: useKeyBody,
      async handle({ body: { kind, kid } }) {
        const used = kind === 'node' ? await own.use(kid) : await doors.useKey(kid);
        return used ? { kid } : null;
      },
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/plane-keys/control',
      body: trustKeyBody,
      handle: async ({ body }) => ((await trusted.trust(body)) ? { kid: body.key.kid } : null),
    }),
  ];
}
