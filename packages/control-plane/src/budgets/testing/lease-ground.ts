import {
  type LeaseAnswer,
  newId,
  type SpendAmounts,
  type SpendCharge,
  type SpendSubject,
  UNPRICED,
  type UsageEvent,
} from '@karta/protocol';
import { sql } from 'kysely';
import type { OrgActor } from '../../http/actor.ts';
import { insertOrg } from '../../identity/org-rows.ts';
import { createOrgGrants } from '../../internal/org-grant.ts';
import type { Tx } from '../../sql/database.ts';
import type { TestDatabase } from '../../sql/test-database.ts';
import { takeEvents } from '../../usage/event-intake.ts';
import { registerDoors } from '../doors-epoch.ts';
import { grantLeases } from '../grant-leases.ts';
import { insertBudget, type NewBudget } from '../insert-budget.ts';
import { heldByLease } from '../lease-held.ts';
import { reportLeases } from '../report-leases.ts';
import { retireNode } from '../retire-node.ts';
import type { BudgetRow } from '../tables.ts';

let orgs = 0;

/** An org with budgets and nodes that spend, straight on the shipped functions. */
export class LeaseGround {
  readonly orgId: string;
  readonly #database: TestDatabase;
  /** The control plane's clock. */
  now = new Date();
  readonly #starts = new Map<string, number>();

  private constructor(database: TestDatabase, orgId: string) {
    this.#database = database;
    this.orgId = orgId;
  }

  static async start(database: TestDatabase): Promise<LeaseGround> {
    orgs += 1;
    const org = await database.database
      .transaction()
      .execute((tx) => insertOrg(tx, { slug: `lease-org-${orgs}`, name: 'An org' }));
    if (org === null) throw new Error('the slug is taken');
    return new LeaseGround(database, org.id);
  }

  budget(change: Partial<NewBudget> = {}): Promise<BudgetRow> {
    const actor: OrgActor = { kind: 'api_key', id: 'k', orgId: this.orgId, label: 'k' };
    const made: NewBudget = {
      scope: 'org',
      scope_id: this.orgId,
      metric: 'output_tokens',
      period: 'total',
      cap: 1_000n,
      ...change,
    };
    return this.#database.database
      .transaction()
      .execute((tx) => insertBudget(tx, actor, made, this.now));
  }

  /** The doors of a node start, by default once more. Resolves with the highest epoch it had. */
  register(nodeId: string, epoch?: number): Promise<number> {
    const asked = epoch ?? (this.#starts.get(nodeId) ?? 0) + 1;
    this.#starts.set(nodeId, asked);
    return this.#database.database
      .transaction()
      .execute((tx) => registerDoors(tx, { nodeId, now: this.now }, asked));
  }

  subject(change: Partial<SpendSubject> = {}): SpendSubject {
    return {
      org_id: this.orgId,
      project_id: 'proj_1',
      session_id: 'sess_1',
      api_key_id: 'key_1',
      embed_key_id: null,
      end_user: null,
      ...change,
    };
  }

  lease(
    nodeId: string,
    epoch: number,
    [minimum, wanted]: readonly [number, number],
    subject = this.subject(),
  ): Promise<LeaseAnswer> {
    const body = { epoch, subject, minimum: outputOf(minimum), wanted: outputOf(wanted) };
    return this.#database.database
      .transaction()
      .execute((tx) => grantLeases(tx, { nodeId, now: this.now }, body));
  }

  report(
    nodeId: string,
    epoch: number,
    leases: readonly { lease_id: string; taken: number; closed: boolean }[],
    more: { earlier_told?: boolean; complete?: boolean } = {},
  ) {
    const told = leases.map((lease) => ({ ...lease, taken: String(lease.taken) }));
    const body = { epoch, leases: told, ...more };
    return this.#database.database
      .transaction()
      .execute((tx) => reportLeases(tx, { nodeId, now: this.now }, body));
  }

  retire(nodeId: string, untold: 'hold' | 'return') {
    return this.#database.database
      .transaction()
      .execute((tx) => retireNode(tx, { nodeId, now: this.now }, { untold }));
  }

  /** A call of so many output tokens. */
  event(tokens: number, change: Partial<UsageEvent> = {}): UsageEvent {
    return {
      id: newId('call'),
      ...this.subject(),
      turn_id: null,
      principal_id: 'key_1',
      provider: 'anthropic',
      model: 'claude',
      input_tokens: 0,
      cache_read_tokens: 0,
      cache_write_tokens: 0,
      output_tokens: tokens,
      estimated: false,
      paid_by: 'platform',
      mode: 'live',
      spend: UNPRICED,
      at: this.now.toISOString(),
      ...change,
    };
  }

  /** Books events as a node tells them. */
  async book(nodeId: string, usage: readonly UsageEvent[]): Promise<void> {
    const grants = createOrgGrants(Buffer.alloc(32, 7), () => this.now.getTime());
    const given = { [this.orgId]: grants.issue(nodeId, this.orgId) };
    const batch = { grants: given, usage: [...usage], lifecycle: [] };
    const parts = {
      database: this.#database.database,
      grants,
      log: { warn: () => {} },
      now: () => this.now,
    };
    const answer = await takeEvents(parts, nodeId, batch);
    if (answer.refused.length > 0) throw new Error(JSON.stringify(answer.refused));
  }

  /** So many blocks of the budget's windows, of which everything has been told and booked. */
  async settledLeases({ id }: BudgetRow, count: number): Promise<void> {
    await sql`
      insert into budget_leases
        (id, budget_id, subject, starts_at, node_id, epoch, amount, closed, expires_at)
      select 'lease_' || budget_id || n, budget_id, subject, starts_at, 'node_z', 1, 1, true, ${this.now}
      from budget_windows, generate_series(1, ${count}::int) n where budget_id = ${id}`.execute(
      this.#database.database,
    );
    await this.#database.asOwner('analyze budget_leases');
  }

  /** Like `report`, but resolves with how many blocks were read without an index. */
  reportReads(nodeId: string, epoch: number, lease: string): Promise<number> {
    const body = { epoch, leases: [{ lease_id: lease, taken: '0', closed: false }] };
    return this.#database.database.transaction().execute(async (tx) => {
      const before = await scannedLeases(tx);
      await reportLeases(tx, { nodeId, now: this.now }, body);
      return (await scannedLeases(tx)) - before;
    });
  }

  /** What is spent and held of every window of the org, at one moment. */
  async windows(): Promise<{ subject: string; spent: number; held: number; cap: number }[]> {
    const { rows } = await sql<{ subject: string; spent: string; held: string; cap: string }>`
      select used.subject, used.spent, budgets.cap, coalesce((
        select sum(${heldByLease}) from budget_leases lease
        where lease.budget_id = used.budget_id and lease.subject = used.subject
          and lease.starts_at = used.starts_at), 0) as held
      from budget_windows used join budgets on budgets.id = used.budget_id
      where budgets.org_id = ${this.orgId}
      order by used.subject, used.starts_at`.execute(this.#database.database);
    return rows.map(({ subject, spent, held, cap }) => ({
      subject,
      spent: Number(spent),
      held: Number(held),
      cap: Number(cap),
    }));
  }
}

/** What the connection has read, with what it read in transactions just before. */
async function scannedLeases(tx: Tx): Promise<number> {
  const { rows } = await sql<{ read: string }>`
    select seq_tup_read as read from pg_stat_xact_user_tables
    where relname = 'budget_leases'`.execute(tx);
  return Number(rows[0]?.read);
}

function outputOf(tokens: number): SpendAmounts {
  return { input_tokens: '0', output_tokens: String(tokens), cost: '0' };
}

/** The cost of a call that took so much from a lease. */
export function charged(lease: string, amount: number, budget: BudgetRow): UsageEvent['spend'] {
  const charge: SpendCharge = {
    lease_id: lease,
    budget_id: budget.id,
    window_start: new Date(0).toISOString(),
    amount: String(amount),
  };
  return { ...UNPRICED, charges: [charge] };
}
