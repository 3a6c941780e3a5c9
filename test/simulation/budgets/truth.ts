import type { BudgetMetric, SpendCharge, SpendSubject } from '@karta/protocol';
import { coveredSubject } from '../../../packages/control-plane/src/budgets/subject.ts';
import type { BudgetRow } from '../../../packages/control-plane/src/budgets/tables.ts';
import { windowAt } from '../../../packages/control-plane/src/budgets/window.ts';
import { type Amounts, counted } from '../../../packages/doors/src/budgets/demand.ts';
import type { BookPrice } from './prices.ts';

/** A call as the simulation saw it happen, whatever the parts under test believe. */
export interface TrueCall {
  id: string;
  node: string;
  /** Which start of the node's doors made it. */
  incarnation: number;
  subject: SpendSubject;
  /** When it began, by the control plane's clock. */
  at: Date;
  /** By which it is priced. */
  priced: BookPrice;
  /** What it took from blocks before it was sent. */
  charges: readonly SpendCharge[];
  reserved: Amounts;
  /** What it took in the end; `null` while it runs, and for ever when its doors ended before. */
  settled: Amounts | null;
  /** What it took in the end is more than the provider told. */
  estimated: boolean;
  /** Its doors ended while it ran. */
  lost: boolean;
  /** Nobody bills it. */
  free: boolean;
}

/** Where a call is counted: a budget, the object of it, the window. */
export interface Place {
  budget: BudgetRow;
  scopeId: string;
  start: Date;
}

export function placeKey({ budget, scopeId, start }: Place): string {
  return `${budget.id} ${scopeId} ${start.toISOString()}`;
}

/** The caps that cover a subject at a moment. */
export function placesOf(budgets: readonly BudgetRow[], subject: SpendSubject, at: Date): Place[] {
  return budgets.flatMap((budget) => {
    const scopeId = coveredSubject(budget, subject);
    return scopeId === null ? [] : [{ budget, scopeId, start: windowAt(budget.period, at).start }];
  });
}

export function amountOf(metric: BudgetMetric, amounts: Amounts): bigint {
  return counted(metric, amounts);
}

/** Everything that happened, and what each lease had truly given. */
export class Truth {
  readonly calls = new Map<string, TrueCall>();
  /** Leases that a node has learnt of, with their size. */
  readonly leases = new Map<
    string,
    { node: string; incarnation: number; place: string; amount: bigint }
  >();
  /** What calls took that are being written down: it is nobody else's from the moment it is taken. */
  readonly beginning = new Set<readonly SpendCharge[]>();
  /** By node: what was left of each place when the control plane answered last. */
  readonly toldLeft = new Map<string, Map<string, bigint>>();
  /** Leases of which the node has told that it takes no more. */
  readonly returned = new Set<string>();
  /** The largest limit that each budget ever had. */
  readonly limits = new Map<string, bigint>();

  /** Taken from a lease: settled calls at what they took, others at their reservation. */
  takenOf(leaseId: string): bigint {
    let sum = 0n;
    const open = [...this.calls.values()].filter(({ settled, free }) => settled === null && !free);
    for (const charges of [...open.map((call) => call.charges), ...this.beginning]) {
      for (const charge of charges) if (charge.lease_id === leaseId) sum += BigInt(charge.amount);
    }
    return sum + (this.#settledOn.get(leaseId) ?? 0n);
  }

  readonly #settledOn = new Map<string, bigint>();

  /** Of what calls that are over had reserved of a lease, what they did not take. */
  leftOverOf(leaseId: string): bigint {
    let reserved = 0n;
    for (const { charges, settled, free } of this.calls.values()) {
      if (settled === null && !free) continue;
      for (const charge of charges) {
        if (charge.lease_id === leaseId) reserved += BigInt(charge.amount);
      }
    }
    return reserved - (this.#settledOn.get(leaseId) ?? 0n);
  }

  /** A call is over; `charges` is what it took in the end. */
  settle(call: TrueCall, settled: Amounts | null, charges: readonly SpendCharge[]): void {
    call.settled = settled;
    call.free = settled === null;
    for (const { lease_id, amount } of charges) {
      this.#settledOn.set(lease_id, (this.#settledOn.get(lease_id) ?? 0n) + BigInt(amount));
    }
  }
}
