import { PLANE_PROTOCOL, type SyncAnswer, syncBody } from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import type { Catalog } from './catalog.ts';

/** Takes what the control plane tells. */
export function syncRoute(
  catalog: Catalog,
  node: { id: string; url(): string },
): BoundInternalRoute {
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/sync',
    body: syncBody,
    async handle({ body }): Promise<SyncAnswer> {
      const version = await catalog.apply(body);
      return { protocol: PLANE_PROTOCOL, node_id: node.id, version, url: node.url() };
    },
  });
}
