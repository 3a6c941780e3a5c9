import { invalidateOrgsBody } from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';

/** `POST /v1/internal/doors/invalidate`: the budgets or keys of orgs have changed. */
export function invalidateRoute(
  forgetOrgs: (orgIds: readonly string[]) => Promise<void>,
): BoundInternalRoute {
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/doors/invalidate',
    body: invalidateOrgsBody,
    async handle({ body }) {
      await forgetOrgs(body.org_ids);
      return {};
    },
  });
}
