import { KartaError } from '@karta/protocol';
import { planAdmission, type Tenant } from './admission-plan.ts';

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

/**
 * The book of sandbox memory: who holds how much, and who waits. Requests are served in the order
 * they came, so that a large one is not starved by small ones behind it.
 */
export class Admission {
  readonly #config: AdmissionConfig;
  readonly #tenants = new Map<string, Tenant>();
  readonly #waiters: Waiter[] = [];
  readonly #idleLater = new Map<string, NodeJS.Timeout>();

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
  async acquire(id: string, bytes: number, queued: () => void): Promise<void> {
    const tenant: Tenant = { id, kind: 'session', bytes, leaving: false, idleSince: null };
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
  tryPark(id: string, bytes: number, poolBytes: number): boolean {
    if (this.#waiters.length > 0) return false;
    let parked = 0;
    for (const tenant of this.#tenants.values()) if (tenant.kind === 'slot') parked += tenant.bytes;
    if (parked + bytes > poolBytes || this.usedBytes + bytes > this.#config.budgetBytes) {
      return false;
    }
    this.#tenants.set(id, { id, kind: 'slot', bytes, leaving: false, idleSince: now() });
    return true;
  }

  /** A parked sandbox now belongs to a session, and is busy. */
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
    for (const waiter of this.#waiters.splice(0)) {
      waiter.refused(new KartaError('shutting_down', undefined, { retryAfter: RETRY_AFTER_S }));
    }
  }

  #forgetIdle(id: string): void {
    clearTimeout(this.#idleLater.get(id));
    this.#idleLater.delete(id);
  }

  #serve(): void {
    for (;;) {
      const [head] = this.#waiters;
      if (head === undefined) return;
      const { tenant } = head;
      const plan = planAdmission(
        this.#config.budgetBytes,
        [...this.#tenants.values()],
        tenant.bytes,
      );
      if (plan.do === 'wait') return;
      if (plan.do === 'end') {
        for (const id of plan.ids) this.#leave(id);
        return;
      }
      this.#waiters.shift();
      if (plan.do === 'admit') {
        this.#tenants.set(tenant.id, tenant);
        head.granted();
      } else {
        head.refused(noCapacity(tooLarge(tenant.bytes, this.#config.budgetBytes)));
      }
    }
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
