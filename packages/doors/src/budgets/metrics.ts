import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { LeaseLink } from './lease-link.ts';

const DECISION_BUCKETS = [0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.001, 0.01, 0.1, 1, 10];

/** What operators see of budgets. */
export function budgetMetrics(registry: Registry) {
  const registers = [registry];
  const asks = new Gauge({
    name: 'karta_doors_lease_asks',
    help: 'Questions to the control plane for leases since the start',
    registers,
  });
  const failures = new Gauge({
    name: 'karta_doors_lease_failures',
    help: 'Words about leases that the control plane did not answer, since the start',
    registers,
  });
  return {
    reservations: new Counter({
      name: 'karta_doors_reservations_total',
      help: 'Calls that took from a cap before they were sent',
      registers,
    }),
    refusals: new Counter({
      name: 'karta_doors_spend_refusals_total',
      help: 'Calls and turns that were refused for money, by reason',
      labelNames: ['reason'] as const,
      registers,
    }),
    exceeded: new Counter({
      name: 'karta_doors_limit_exceeded_total',
      help: 'Calls for which a provider counted more than the limits it was sent',
      labelNames: ['upstream'] as const,
      registers,
    }),
    decision: new Histogram({
      name: 'karta_doors_reservation_seconds',
      help: 'Time to decide on a call under a cap, with questions to the control plane',
      buckets: DECISION_BUCKETS,
      registers,
    }),
    /** Has the gauges tell how the link is whenever they are read. */
    watchLeases(link: LeaseLink): void {
      Object.assign(asks, { collect: () => asks.set(link.counts.asks) });
      Object.assign(failures, { collect: () => failures.set(link.counts.failures) });
    },
  };
}

export type BudgetMetrics = ReturnType<typeof budgetMetrics>;
