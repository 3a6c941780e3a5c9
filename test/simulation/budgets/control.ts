import {
  KartaError,
  type LeaseAnswer,
  type LeaseBody,
  type LeaseReportAnswer,
  type LeaseReportBody,
} from '@karta/protocol';
import { sql } from 'kysely';
import { registerDoors } from '../../../packages/control-plane/src/budgets/doors-epoch.ts';
import { grantLeases } from '../../../packages/control-plane/src/budgets/grant-leases.ts';
import {
  insertBudget,
  type NewBudget,
} from '../../../packages/control-plane/src/budgets/insert-budget.ts';
import {
  heldByLease,
  holdsAnything,
} from '../../../packages/control-plane/src/budgets/lease-held.ts';
import { reportLeases } from '../../../packages/control-plane/src/budgets/report-leases.ts';
import type { BudgetRow } from '../../../packages/control-plane/src/budgets/tables.ts';
import { insertOrg } from '../../../packages/control-plane/src/identity/org-rows.ts';
import {
  createOrgGrants,
  type OrgGrants,
} from '../../../packages/control-plane/src/internal/org-grant.ts';
import type { TestDatabase } from '../../../packages/control-plane/src/sql/test-database.ts';
import { takeEvents } from '../../../packages/control-plane/src/usage/event-intake.ts';
import type { Batch } from '../../../packages/data-plane/src/outbox/waiting-events.ts';
import { askedOf } from './planted.ts';
import type { Plant } from './plants.ts';
import type { SimulatedTime } from './time.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };

/** A window as the control plane's tables have it. */
export interface BookedWindow {
  budgetId: string;
  scopeId: string;
  start: Date;
  spent: bigint;
  held: bigint;
}

/** One org's control plane: the shipped functions and SQL, by the simulation's clock. */
export class SimulatedControl {
  readonly orgId: string;
  readonly grants: OrgGrants;
  readonly budgets: BudgetRow[] = [];
  readonly #database: TestDatabase;
  readonly #time: SimulatedTime;
  readonly #plant: Plant | null;

  private constructor(
    database: TestDatabase,
    time: SimulatedTime,
    orgId: string,
    plant: Plant | null,
  ) {
    this.#database = database;
    this.#time = time;
    this.orgId = orgId;
    this.#plant = plant;
    this.grants = createOrgGrants(Buffer.alloc(32, 1), () => time.now);
  }

  static async start(
    database: TestDatabase,
    time: SimulatedTime,
    slug: string,
    plant: Plant | null,
  ): Promise<SimulatedControl> {
    const org = await database.database
      .transaction()
      .execute((tx) => insertOrg(tx, { slug, name: 'An org' }));
    if (org === null) throw new Error('the slug is taken');
    return new SimulatedControl(database, time, org.id, plant);
  }

  get #now(): Date {
    return new Date(this.#time.now);
  }

  async budget(made: NewBudget): Promise<BudgetRow> {
    const actor = { kind: 'api_key', id: 'k', orgId: this.orgId, label: 'k' } as const;
    const budget = await this.#database.database
      .transaction()
      .execute((tx) => insertBudget(tx, actor, made, this.#now));
    this.budgets.push(budget);
    return budget;
  }

  /** As `PATCH /v1/budgets/{id}` does it, without what is told to people. */
  async limit(budget: BudgetRow, cap: bigint): Promise<void> {
    await this.#database.database.transaction().execute(async (tx) => {
      await sql`select 1 from orgs where id = ${this.orgId} for update`.execute(tx);
      await tx
        .updateTable('budgets')
        .set({ cap: cap.toString() })
        .where('id', '=', budget.id)
        .execute();
    });
    budget.cap = cap.toString();
  }

  register(nodeId: string, epoch: number): Promise<number> {
    return this.#database.database
      .transaction()
      .execute((tx) => registerDoors(tx, { nodeId, now: this.#now }, epoch));
  }

  async lease(nodeId: string, body: LeaseBody): Promise<LeaseAnswer> {
    const epoch =
      this.#plant === 'a lease of doors that have been replaced is granted'
        ? await this.#latestEpoch(nodeId)
        : body.epoch;
    const asked = { ...askedOf(body, this.#plant), epoch };
    const answer = await this.#database.database
      .transaction()
      .execute((tx) => grantLeases(tx, { nodeId, now: this.#now }, asked));
    if (this.#plant === 'a block goes on beyond its window') {
      const budgets = answer.budgets.map((budget) => ({ ...budget, window_end: null }));
      return { ...answer, budgets };
    }
    if (this.#plant !== 'the control plane leases more than is left') return answer;
    const budgets = answer.budgets.map((budget) => ({
      ...budget,
      lease: budget.lease && {
        ...budget.lease,
        amount: (BigInt(budget.lease.amount) * 2n).toString(),
      },
    }));
    return { ...answer, budgets };
  }

  report(nodeId: string, body: LeaseReportBody): Promise<LeaseReportAnswer> {
    return this.#database.database
      .transaction()
      .execute((tx) => reportLeases(tx, { nodeId, now: this.#now }, body));
  }

  takeEvents(nodeId: string, batch: Batch) {
    const parts = {
      database: this.#database.database,
      grants: this.grants,
      log: quiet,
      now: () => this.#now,
    };
    return takeEvents(parts, nodeId, batch);
  }

  /** What is spent and held. Time stands still meanwhile. */
  async windows(): Promise<BookedWindow[]> {
    const query = sql<{
      budget_id: string;
      subject: string;
      starts_at: Date;
      spent: string;
      held: string;
    }>`
      select used.budget_id, used.subject, used.starts_at, used.spent, coalesce((
        select sum(${heldByLease}) from budget_leases lease
        where lease.budget_id = used.budget_id and lease.subject = used.subject
          and lease.starts_at = used.starts_at and ${holdsAnything}), 0) as held
      from budget_windows used join budgets on budgets.id = used.budget_id
      where budgets.org_id = ${this.orgId}`;
    const { rows } = await this.#time.real(() => query.execute(this.#database.database));
    return rows.map((row) => ({
      budgetId: row.budget_id,
      scopeId: row.subject,
      start: row.starts_at,
      spent: BigInt(row.spent),
      held: BigInt(row.held),
    }));
  }

  events() {
    return this.#database.database
      .selectFrom('usage_events')
      .select(['id', 'input_tokens', 'output_tokens', 'cost', 'price_version', 'estimated', 'at'])
      .where('org_id', '=', this.orgId)
      .execute();
  }

  async #latestEpoch(nodeId: string): Promise<number> {
    const row = await this.#database.database
      .selectFrom('doors_epochs')
      .select('epoch')
      .where('node_id', '=', nodeId)
      .executeTakeFirst();
    if (row === undefined) throw new KartaError('stale_epoch');
    return Number(row.epoch);
  }
}
