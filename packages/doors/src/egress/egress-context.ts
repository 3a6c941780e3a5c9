import { getCACertificates } from 'node:tls';
import type { AddressPolicy, NameResolver } from '@karta/service/network';
import { addressPolicy, createNameResolver } from '@karta/service/network';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { EgressAdmission } from './admission.ts';
import type { EgressConfig } from './config.ts';
import { type EgressMetrics, egressMetrics } from './metrics.ts';

/** What connections to the network need of the process. */
export interface EgressContext {
  policy: AddressPolicy;
  resolver: NameResolver;
  /** Certificates trusted where the door opens TLS itself; `undefined`: the usual ones. */
  ca: string[] | undefined;
  admission: EgressAdmission;
  metrics: EgressMetrics;
  log: Logger;
}

export function egressContext(
  config: EgressConfig,
  registry: Registry,
  log: Logger,
): EgressContext {
  const own = config.ca_certificates;
  return {
    policy: addressPolicy(config.allow_private),
    resolver: createNameResolver({ servers: config.dns_servers, hosts: config.hosts }),
    ca: own.length === 0 ? undefined : [...getCACertificates('default'), ...own],
    admission: new EgressAdmission(),
    metrics: egressMetrics(registry),
    log,
  };
}
