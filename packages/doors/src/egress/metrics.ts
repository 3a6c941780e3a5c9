import type { EgressOutcome } from '@karta/protocol';
import { Counter, Gauge, type Registry } from 'prom-client';

/** What the egress door counts. No label names a host, an org or a session. */
export function egressMetrics(registry: Registry) {
  const registers = [registry];
  const connections = new Counter({
    name: 'karta_doors_egress_connections_total',
    help: 'Connections of sandboxes to allowed hosts by how they ended',
    labelNames: ['outcome'] as const,
    registers,
  });
  const bytes = new Counter({
    name: 'karta_doors_egress_bytes_total',
    help: 'Bytes passed between sandboxes and allowed hosts',
    labelNames: ['direction'] as const,
    registers,
  });
  const open = new Gauge({
    name: 'karta_doors_egress_open_connections',
    help: 'Connections of sandboxes to allowed hosts that are open now',
    registers,
  });
  return {
    open,
    ended(outcome: EgressOutcome, sent: number, received: number): void {
      connections.inc({ outcome });
      bytes.inc({ direction: 'sent' }, sent);
      bytes.inc({ direction: 'received' }, received);
    },
  };
}

export type EgressMetrics = ReturnType<typeof egressMetrics>;
