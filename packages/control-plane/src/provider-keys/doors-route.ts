import { type ProviderKeyAnswer, providerKeyBody } from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import type { OrgGrants } from '../internal/org-grant.ts';
import type { ProviderKeys } from './provider-keys.ts';

/**
 * `POST /v1/internal/doors/provider-keys`: a key, for the doors of a node that has met a credential
 * of the org. Nobody else is ever told one.
 */
export function doorsKeyRoute(
  keys: Pick<ProviderKeys, 'open'>,
  grants: Pick<OrgGrants, 'allowsTurn'>,
): BoundInternalRoute {
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/doors/provider-keys',
    peer: 'doors',
    body: providerKeyBody,
    async handle({ nodeId, grant, body }): Promise<ProviderKeyAnswer | null> {
      const { org_id: orgId, provider } = body;
      if (!grants.allowsTurn(grant, nodeId, orgId)) return null;
      const key = await keys.open(orgId, provider);
      return key === null ? null : { ...key, secret: { ...key.secret } };
    },
  });
}
