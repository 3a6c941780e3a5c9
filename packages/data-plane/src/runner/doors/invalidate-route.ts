import { invalidateOrgsBody } from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import type { DoorsClient } from './doors-client.ts';

/**
 * `POST /v1/internal/doors/invalidate`: the budgets or keys of orgs have changed. `forget` is told
 * first: what this process remembers must not outlive what the doors know.
 */
export function invalidateRoute(
  doors: Pick<DoorsClient, 'invalidate'>,
  forget: (orgIds: readonly string[]) => void,
): BoundInternalRoute {
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/doors/invalidate',
    body: invalidateOrgsBody,
    async handle({ body }) {
      forget(body.org_ids);
      await doors.invalidate(body.org_ids);
      return {};
    },
  });
}
