import {
  type BudgetMetric,
  KartaError,
  type LeaseAnswer,
  type LeaseBody,
  type LeaseReportAnswer,
  type LeaseReportBody,
  type SpendAmounts,
  type SpendCharge,
  type SpendSubject,
} from '@karta/protocol';
import type { LeaseControl } from '../lease-link.ts';

/** A cap of the paper control plane. */
export interface PaperCap {
  id: string;
  metric: BudgetMetric;
  limit: bigint;
  /** Which subjects it covers, and as what; by default all of them together. */
  scopeOf?: (subject: SpendSubject) => string | null;
  /** Length of its windows in ms; by default there is one that never ends. */
  windowMs?: number;
}

/** As long as a signed request may be on its way, in milliseconds. */
const SENT_MS = 90_000;

interface Lease {
  id: string;
  cap: PaperCap;
  scope: string;
  windowStart: number;
  epoch: number;
  amount: bigint;
  consumed: bigint;
  returned: bigint;
  /** As it was told last. */
  taken: bigint;
  closed: boolean;
  expiresAt: number;
}

/** A subject of the tests. */
export function paperSubject(session = 'sess_1', end_user: string | null = null): SpendSubject {
  return {
    ...{ org_id: 'org_1', project_id: 'proj_1', session_id: session },
    ...{ api_key_id: null, embed_key_id: null, end_user },
  };
}

/**
 * Budgets of a control plane on paper: the rules of the contract in memory, by the test's own clock.
 * It checks at every step that what is spent and what is leased stay within each cap.
 */
export class PaperControl implements LeaseControl {
  now = Date.parse('2026-01-01T00:00:00Z');
  leaseMs = 60_000;
  /** The largest part of what is left that a block has, one in so many; 1: all of it. */
  share = 1n;
  /** Whether it answers. */
  up = true;
  asks = 0;
  readonly caps: PaperCap[] = [];
  readonly leases = new Map<string, Lease>();
  #spent = new Map<string, bigint>();
  #epoch = 0;
  #leased = 0;

  async register(epoch: number): Promise<number> {
    this.#answering();
    if (epoch > this.#epoch) this.#epoch = epoch;
    return this.#epoch;
  }

  /** Its database is set back to before this epoch: what it leased since is not known any more. */
  setBack(epoch: number): void {
    this.#epoch = epoch;
    for (const [id, lease] of this.leases) if (lease.epoch > epoch) this.leases.delete(id);
  }

  async lease(body: LeaseBody): Promise<LeaseAnswer> {
    this.#answering();
    this.#mustBeCurrent(body.epoch);
    this.asks += 1;
    const budgets = this.caps.flatMap((cap) => {
      const scope = cap.scopeOf === undefined ? 'all' : cap.scopeOf(body.subject);
      if (scope === null) return [];
      const { start, end } = this.#window(cap);
      const left = this.left(cap, scope, start);
      const minimum = amountOf(cap.metric, body.minimum);
      const wanted = amountOf(cap.metric, body.wanted);
      const share = left / this.share;
      const most = wanted < share ? wanted : share;
      const amount = minimum > most ? minimum : most;
      const granted = left >= minimum && amount > 0n ? amount : null;
      this.#leased += 1;
      const id = `lease_${this.#leased}`;
      if (granted !== null) {
        this.leases.set(id, {
          ...{ id, cap, scope, windowStart: start, epoch: body.epoch, amount: granted },
          ...{ consumed: 0n, returned: 0n, taken: 0n, closed: false },
          expiresAt: this.now + this.leaseMs,
        });
      }
      return [
        {
          budget_id: cap.id,
          scope: 'org' as const,
          scope_id: scope,
          metric: cap.metric,
          window: 'day' as const,
          window_start: iso(start),
          window_end: end === null ? null : iso(end),
          limit: cap.limit.toString(),
          left: (left - (granted ?? 0n)).toString(),
          lease:
            granted === null
              ? null
              : {
                  lease_id: id,
                  amount: granted.toString(),
                  expires_at: iso(this.now + this.leaseMs),
                },
        },
      ];
    });
    this.check();
    return { now: iso(this.now), budgets };
  }

  async report(body: LeaseReportBody): Promise<LeaseReportAnswer> {
    this.#answering();
    this.#mustBeCurrent(body.epoch);
    const unknown: string[] = [];
    const renewed: LeaseReportAnswer['renewed'] = [];
    for (const { lease_id, taken, closed } of body.leases) {
      const lease = this.leases.get(lease_id);
      if (lease === undefined) {
        unknown.push(lease_id);
        continue;
      }
      lease.closed ||= closed;
      lease.taken = BigInt(taken);
      const rest = lease.amount - BigInt(taken);
      if (closed && rest > lease.returned) lease.returned = rest;
      if (lease.closed) continue;
      lease.expiresAt = this.now + this.leaseMs;
      renewed.push({ lease_id, expires_at: iso(lease.expiresAt) });
    }
    if (body.earlier_told === true) {
      for (const lease of this.leases.values()) {
        if (lease.closed || lease.epoch >= body.epoch) continue;
        lease.closed = true;
        lease.returned = lease.amount;
      }
    }
    if (body.complete === true) {
      const told = new Set(body.leases.map(({ lease_id }) => lease_id));
      for (const [id, lease] of this.leases) {
        if (lease.closed || lease.epoch !== body.epoch || told.has(id)) continue;
        if (lease.expiresAt + SENT_MS >= this.now) continue;
        lease.closed = true;
        lease.returned = lease.amount - lease.taken;
      }
    }
    this.check();
    return { unknown, renewed };
  }

  /** A usage event has arrived. */
  book(charges: readonly SpendCharge[]): void {
    for (const { lease_id, amount } of charges) {
      const lease = this.leases.get(lease_id);
      if (lease === undefined) throw new Error(`no lease ${lease_id}`);
      lease.consumed += BigInt(amount);
      const key = keyOf(lease.cap, lease.scope, lease.windowStart);
      this.#spent.set(key, (this.#spent.get(key) ?? 0n) + BigInt(amount));
    }
    this.check();
  }

  /** Neither spent nor leased to anybody, in the window that begins at `start`. */
  left(cap: PaperCap, scope: string, start: number): bigint {
    const key = keyOf(cap, scope, start);
    let held = this.#spent.get(key) ?? 0n;
    for (const lease of this.leases.values()) {
      if (keyOf(lease.cap, lease.scope, lease.windowStart) !== key) continue;
      const open = lease.amount - lease.consumed - lease.returned;
      if (open > 0n) held += open;
    }
    return cap.limit > held ? cap.limit - held : 0n;
  }

  /** Spent in all windows and scopes of a cap. */
  spent(capId: string): bigint {
    let sum = 0n;
    for (const [key, amount] of this.#spent) if (key.startsWith(`${capId}\n`)) sum += amount;
    return sum;
  }

  /** Throws when a window's spending and leases are more than its cap. */
  check(): void {
    for (const [key, spent] of this.#spent) {
      const cap = this.caps.find(({ id }) => key.startsWith(`${id}\n`));
      if (cap !== undefined && spent > cap.limit) {
        throw new Error(`${spent} were spent of a cap of ${cap.limit}`);
      }
    }
  }

  #window(cap: PaperCap): { start: number; end: number | null } {
    if (cap.windowMs === undefined) return { start: 0, end: null };
    const start = Math.floor(this.now / cap.windowMs) * cap.windowMs;
    return { start, end: start + cap.windowMs };
  }

  #answering(): void {
    if (!this.up) throw new KartaError('control_unavailable');
  }

  #mustBeCurrent(epoch: number): void {
    if (epoch !== this.#epoch) throw new KartaError('stale_epoch');
  }
}

function keyOf(cap: PaperCap, scope: string, start: number): string {
  return `${cap.id}\n${scope}\n${start}`;
}

function amountOf(metric: BudgetMetric, amounts: SpendAmounts): bigint {
  if (metric !== 'total_tokens') return BigInt(amounts[metric]);
  return BigInt(amounts.input_tokens) + BigInt(amounts.output_tokens);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
