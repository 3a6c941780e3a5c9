import { testOrgKeyBody } from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import type { DoorsClient } from './doors-client.ts';

/**
 * `POST /v1/internal/doors/test-key`: has the doors ask a provider whether it takes an org's key.
 * They fetch it by the grant that came along; this process only hears what the provider said.
 */
export function testKeyRoute(doors: Pick<DoorsClient, 'testKey'>): BoundInternalRoute {
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/doors/test-key',
    body: testOrgKeyBody,
    handle: async ({ body, grant }) =>
      grant === null ? null : doors.testKey({ ...body, org_grant: grant }),
  });
}
