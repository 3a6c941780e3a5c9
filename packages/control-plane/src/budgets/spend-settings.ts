import { type SpendSettings, spendSettings } from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { Database, Tx } from '../sql/database.ts';

/** What an org has chosen about its spending, or the defaults. */
export async function spendSettingsOf(from: Database | Tx, orgId: string): Promise<SpendSettings> {
  const row = await from
    .selectFrom('spend_settings')
    .select('unknown_model')
    .where('org_id', '=', orgId)
    .executeTakeFirst();
  return row ?? { unknown_model: 'refuse' };
}

export interface SpendSettingsParts {
  database: Database;
  invalidate(orgId: string): Promise<void>;
}

/** Reads and changes them. */
export function spendSettingsRoutes({ database, invalidate }: SpendSettingsParts): BoundRoute[] {
  const tag = 'budgets';
  const path = '/v1/spend_settings';
  const answers = {
    200: { description: 'The settings', content: { 'application/json': spendSettings } },
  };
  return [
    defineRoute({
      id: 'getSpendSettings',
      summary: 'What happens to models without a price under a cap on cost',
      tag,
      method: 'get',
      path,
      access: 'budgets.read',
      answers,
      handle: async ({ caller }) => json(200, await spendSettingsOf(database, caller.orgId)),
    }),
    defineRoute({
      id: 'updateSpendSettings',
      summary: 'Refuse models without a price under a cap on cost, or count their tokens only',
      tag,
      method: 'patch',
      path,
      access: 'budgets.manage',
      body: spendSettings,
      answers,
      async handle({ caller, body }) {
        await database.transaction().execute(async (tx) => {
          const row = { ...body, updated_at: new Date() };
          await tx
            .insertInto('spend_settings')
            .values({ org_id: caller.orgId, ...row })
            .onConflict((conflict) => conflict.column('org_id').doUpdateSet(row))
            .execute();
          await recordAudit(tx, {
            actor: caller,
            action: 'spend_settings.update',
            target: { kind: 'org', id: caller.orgId },
            details: body,
          });
        });
        await invalidate(caller.orgId);
        return json(200, body);
      },
    }),
  ];
}
