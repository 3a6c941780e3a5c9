import { KartaError } from '@karta/protocol';
import { bytesHeld, bytesOf, planAdmission, type Tenant } from './admission-plan.ts';
import { leastFirst } from './least-first.ts';

export interface AdmissionConfig {
  budgetBytes: number;
  /** How long a request waits for room before `KartaError('capacity')`. */
  waitMs: number;
  /** Ends a tenant; its memory is given back by `release` when it is really gone. */
  end(id: string): void;
}

interface Waiter {
  tenant: Tenant;
  granted(): void;
  refused(error: KartaError): void;
}

/** Seconds after which a client that found no room may try again. */
const RETRY_AFTER_S = 5;

/** Memory for one sandbox. */
export interface Place {
  id: string;
  /** Whose it is. */
  org: string;
  bytes: number;
}

/**
 * The book of sandbox memory: who holds how much, and who waits. The next to be served is the org
 * that holds least, so that the burst of one does not delay another; of one org, and where orgs hold
 * equally, whoever came first. Nobody passes whom it is, so that a large request is not starved by
 * small ones, and no org by others: it waits only while it holds as much as they.
 */
export class Admission {
  readonly #config: AdmissionConfig;
  readonly #tenants = new Map<string, Tenant>();
  readonly #waiters: Waiter[] = [];
  readonly #idleLater = new Map<string, NodeJS.Timeout>();
  /** When something that is kept for its org for now may be ended. */
  #later: NodeJS.Timeout | undefined;

  constructor(config: AdmissionConfig) {
    this.#config = config;
  }

  get usedBytes(): number {
    let used = 0;
    for (const tenant of this.#tenants.values()) used += tenant.bytes;
    return used;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /**
   * Books memory for a session's sandbox, busy until {@link idle} says otherwise. Calls `queued`
   * when it must wait. Throws `KartaError('capacity')` when it waited in vain or can never fit.
   */
  async acquire(place: Place, queued: () => void): Promise<void> {
    const tenant: Tenant = { ...place, kind: 'session', leaving: false, idleSince: null };
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = { tenant, granted: resolve, refused: reject };
      this.#waiters.push(waiter);
      this.#serve();
      if (!this.#waiters.includes(waiter)) return;
      queued();
      timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(noCapacity('No memory became free for this session in time.'));
        this.#serve();
      }, this.#config.waitMs);
    }).finally(() => clearTimeout(timer));
  }

  /** Books memory for a parked sandbox, if it fits beside the others and nobody waits. */
  tryPark(place: Place, poolBytes: number): boolean {
    if (this.#waiters.length > 0) return false;
    let parked = 0;
    for (const tenant of this.#tenants.values()) if (tenant.kind === 'slot') parked += tenant.bytes;
    const { bytes } = place;
    if (parked + bytes > poolBytes || this.usedBytes + bytes > this.#config.budgetBytes) {
      return false;
    }
    this.#tenants.set(place.id, { ...place, kind: 'slot', leaving: false, idleSince: now() });
    return true;
  }

  /** A parked sandbox, started or not, now belongs to a session, and is busy. */
  claim(id: string): void {
    const tenant = this.#tenants.get(id);
    if (tenant !== undefined) Object.assign(tenant, { kind: 'session', idleSince: null });
  }

  busy(id: string): void {
    this.#forgetIdle(id);
    const tenant = this.#tenants.get(id);
    if (tenant !== undefined) tenant.idleSince = null;
  }

  /** From now on, or `afterMs` from now, it may be ended to make room. */
  idle(id: string, afterMs = 0): void {
    const tenant = this.#tenants.get(id);
    if (tenant === undefined) return;
    this.#forgetIdle(id);
    if (afterMs === 0) {
      tenant.idleSince = now();
      this.#serve();
      return;
    }
    const timer = setTimeout(() => this.idle(id), afterMs);
    timer.unref();
    this.#idleLater.set(id, timer);
  }

  /** Its memory is free again. */
  release(id: string): void {
    this.#forgetIdle(id);
    if (this.#tenants.delete(id)) this.#serve();
  }

  /** Refuses all who wait: the server stops. */
  close(): void {
    for (const timer of this.#idleLater.values()) clearTimeout(timer);
    this.#idleLater.clear();
    clearTimeout(this.#later);
    for (const waiter of this.#waiters.splice(0)) {
      waiter.refused(new KartaError('shutting_down', undefined, { retryAfter: RETRY_AFTER_S }));
    }
  }

  #forgetIdle(id: string): void {
    clearTimeout(this.#idleLater.get(id));
    this.#idleLater.delete(id);
  }

  #serve(): void {
    clearTimeout(this.#later);
    for (;;) {
      const tenants = [...this.#tenants.values()];
      const next = this.#next(tenants);
      if (next === undefined) return;
      const { tenant } = next;
      const wish = { org: tenant.org, bytes: tenant.bytes, now: now() };
      const plan = planAdmission(this.#config.budgetBytes, tenants, wish);
      if (plan.do === 'wait') {
        if (plan.until !== null) this.#serveAt(plan.until);
        return;
      }
      if (plan.do === 'end') {
        for (const id of plan.ids) this.#leave(id);
        return;
      }
      this.#waiters.splice(this.#waiters.indexOf(next), 1);
      if (plan.do === 'admit') {
        this.#tenants.set(tenant.id, tenant);
        next.granted();
      } else {
        next.refused(noCapacity(tooLarge(tenant.bytes, this.#config.budgetBytes)));
      }
    }
  }

  /** Whose turn it is: the first of the org that holds least. */
  #next(tenants: readonly Tenant[]): Waiter | undefined {
    const held = bytesHeld(tenants);
    return leastFirst(this.#waiters, ({ tenant }) => bytesOf(held, tenant.org));
  }

  #serveAt(moment: number): void {
    this.#later = setTimeout(() => this.#serve(), moment - now() + 1);
    this.#later.unref();
  }

  #leave(id: string): void {
    const tenant = this.#tenants.get(id);
    if (tenant === undefined) return;
    tenant.leaving = true;
    this.#config.end(id);
  }
}

function now(): number {
  return performance.now();
}

function noCapacity(detail: string): KartaError {
  return new KartaError('capacity', detail, { retryAfter: RETRY_AFTER_S });
}

function tooLarge(bytes: number, budget: number): string {
  const mb = (size: number) => Math.round(size / 1024 / 1024);
  return `The session needs ${mb(bytes)} MB; this server gives its sandboxes ${mb(budget)} MB in all.`;
}
