import {
  KartaError,
  type LeaseAnswer,
  type LeaseReportAnswer,
  leaseBody,
  leaseReportBody,
  type OrgSpendRules,
  orgSpendRulesBody,
  registerDoorsBody,
} from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import type { OrgGrants } from '../internal/org-grant.ts';
import type { Database } from '../sql/database.ts';
import { registerDoors } from './doors-epoch.ts';
import { grantLeases } from './grant-leases.ts';
import { reportLeases } from './report-leases.ts';

export interface DoorsRouteParts {
  database: Database;
  grants: Pick<OrgGrants, 'allowsTurn'>;
  rulesOf(orgId: string): Promise<OrgSpendRules>;
  now: () => Date;
}

/**
 * What the doors of a node ask about money. What concerns an org needs its grant: without one there
 * is no such org.
 */
export function doorsRoutes(parts: DoorsRouteParts): BoundInternalRoute[] {
  const { database, now } = parts;

  /** A grant outlives its org: whoever has one for an org that was deleted or suspended has nothing. */
  async function requireGrant(grant: string | null, nodeId: string, orgId: string): Promise<void> {
    const allowed = parts.grants.allowsTurn(grant, nodeId, orgId);
    const org = allowed
      ? await database
          .selectFrom('orgs')
          .select('id')
          .where('id', '=', orgId)
          .where('deleted_at', 'is', null)
          .where('suspended_at', 'is', null)
          .executeTakeFirst()
      : undefined;
    if (org === undefined) throw new KartaError('not_found');
  }

  return [
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/register',
      peer: 'doors',
      body: registerDoorsBody,
      handle: ({ nodeId, body: { epoch } }) =>
        database.transaction().execute(async (tx) => ({
          epoch: await registerDoors(tx, { nodeId, now: now() }, epoch),
        })),
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/org',
      peer: 'doors',
      body: orgSpendRulesBody,
      async handle({ nodeId, grant, body }): Promise<OrgSpendRules> {
        await requireGrant(grant, nodeId, body.org_id);
        return parts.rulesOf(body.org_id);
      },
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/leases',
      peer: 'doors',
      body: leaseBody,
      async handle({ nodeId, grant, body }): Promise<LeaseAnswer> {
        await requireGrant(grant, nodeId, body.subject.org_id);
        return database
          .transaction()
          .execute((tx) => grantLeases(tx, { nodeId, now: now() }, body));
      },
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/leases/report',
      peer: 'doors',
      body: leaseReportBody,
      handle: ({ nodeId, body }): Promise<LeaseReportAnswer> =>
        database.transaction().execute((tx) => reportLeases(tx, { nodeId, now: now() }, body)),
    }),
  ];
}
