import type { BudgetMetric, BudgetScope, BudgetWindow } from '@karta/protocol';
import type { Generated, Selectable } from 'kysely';

/** Tables of budgets. Amounts are `numeric`, which the driver reads as text. */
export interface BudgetTables {
  budgets: BudgetTable;
  budget_windows: BudgetWindowTable;
  budget_leases: BudgetLeaseTable;
  doors_epochs: DoorsEpochTable;
  spend_settings: SpendSettingsTable;
}

export interface BudgetTable {
  id: string;
  org_id: string;
  scope: BudgetScope;
  /** `null`: each object of that kind by itself. */
  scope_id: string | null;
  metric: BudgetMetric;
  period: BudgetWindow;
  cap: string;
  created_by: string;
  created_at: Date;
  updated_at: Date;
}
export type BudgetRow = Selectable<BudgetTable>;

export interface BudgetWindowTable {
  budget_id: string;
  /** The object that is counted. */
  subject: string;
  starts_at: Date;
  ends_at: Date | null;
  spent: string;
  /** The highest threshold below all of it that was told, in percent. */
  told: Generated<number>;
  /** It was told that it is exhausted. */
  exhausted_told: Generated<boolean>;
}

export interface BudgetLeaseTable {
  id: string;
  budget_id: string;
  subject: string;
  starts_at: Date;
  node_id: string;
  epoch: string;
  amount: string;
  taken: Generated<string>;
  consumed: Generated<string>;
  closed: Generated<boolean>;
  expires_at: Date;
}

export interface DoorsEpochTable {
  node_id: string;
  epoch: string;
  registered_at: Date;
}

export interface SpendSettingsTable {
  org_id: string;
  unknown_model: 'refuse' | 'count';
  updated_at: Date;
}
