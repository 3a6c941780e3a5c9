import type { AuditTables } from '../audit/tables.ts';
import type { BillingTables } from '../billing/tables.ts';
import type { BudgetTables } from '../budgets/tables.ts';
import type { IdentityTables } from '../identity/tables.ts';
import type { KeyTables } from '../keys/tables.ts';
import type { OperatorTables } from '../operator/tables.ts';
import type { PlaneKeyTables } from '../plane-keys/tables.ts';
import type { PriceTables } from '../prices/tables.ts';
import type { ProjectsTables } from '../projects/tables.ts';
import type { ProviderKeyTables } from '../provider-keys/tables.ts';
import type { RateLimitTables } from '../rate-limits/tables.ts';
import type { ReleasesTables } from '../releases/tables.ts';
import type { UsageTables } from '../usage/tables.ts';
import type { WebhookTables } from '../webhooks/tables.ts';

/** The tables of the control plane, each described in the folder that it belongs to. */
export interface ControlTables
  extends AuditTables,
    BillingTables,
    BudgetTables,
    IdentityTables,
    KeyTables,
    OperatorTables,
    PlaneKeyTables,
    PriceTables,
    ProjectsTables,
    ProviderKeyTables,
    RateLimitTables,
    ReleasesTables,
    UsageTables,
    WebhookTables {}
