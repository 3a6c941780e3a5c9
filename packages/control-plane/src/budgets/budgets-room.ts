import type { OrgSpendRules } from '@karta/protocol';
import type { BoundInternalRoute } from '@karta/service/plane-auth';
import type { BoundRoute } from '../http/route.ts';
import type { OrgGrants } from '../internal/org-grant.ts';
import type { Database } from '../sql/database.ts';
import { budgetRoutes } from './budget-routes.ts';
import { createBudgets } from './budgets.ts';
import { doorsRoutes } from './doors-routes.ts';
import { spendSettingsOf, spendSettingsRoutes } from './spend-settings.ts';
import { sweepLeases } from './sweep-leases.ts';

/** How often leases that hold nothing any more are dropped, in milliseconds. */
const SWEEP_MS = 10 * 60 * 1000;

export interface BudgetsRoomParts {
  database: Database;
  grants: Pick<OrgGrants, 'allowsTurn'>;
  /** What else the doors are told of an org, beside its caps. */
  otherRules(orgId: string): Promise<Omit<OrgSpendRules, 'capped' | 'unknown_model'>>;
  /** Has the nodes forget what they know of the org's money, and give back what they hold. */
  invalidate(orgId: string): Promise<void>;
  log: { warn(details: object, message: string): void };
  /** By this clock windows begin and end, and leases expire. */
  now(): Date;
}

/** Everything of budgets in one control plane. */
export interface BudgetsRoom {
  routes: BoundRoute[];
  internalRoutes: BoundInternalRoute[];
  start(): void;
  stop(): void;
}

export function createBudgetsRoom(parts: BudgetsRoomParts): BudgetsRoom {
  const { database, grants, log, now } = parts;
  const budgets = createBudgets(parts);
  let sweeping: NodeJS.Timeout | undefined;

  async function rulesOf(orgId: string): Promise<OrgSpendRules> {
    const [others, settings, cap] = await Promise.all([
      parts.otherRules(orgId),
      spendSettingsOf(database, orgId),
      database.selectFrom('budgets').select('id').where('org_id', '=', orgId).executeTakeFirst(),
    ]);
    return { ...others, ...settings, capped: cap !== undefined };
  }

  return {
    routes: [...budgetRoutes(budgets), ...spendSettingsRoutes(parts)],
    internalRoutes: doorsRoutes({ database, grants, rulesOf, now }),
    start() {
      sweeping = setInterval(() => {
        sweepLeases(database, now()).catch((error: unknown) =>
          log.warn({ err: error }, 'old leases were not dropped'),
        );
      }, SWEEP_MS);
    },
    stop: () => clearInterval(sweeping),
  };
}
