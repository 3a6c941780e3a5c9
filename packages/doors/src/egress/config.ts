import { hostName } from '@karta/protocol';
import { addressPolicy } from '@karta/service/network';
import { z } from 'zod';

/** Addresses and ranges by which an operator opens its own network. */
export const ranges = z.array(z.string()).superRefine((entries, context) => {
  try {
    addressPolicy(entries);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

/** How the egress door reaches the network, as its operator decides. */
export const egressConfig = z.strictObject({
  /** Addresses and ranges that are not public and may be reached all the same. */
  allow_private: ranges.default([]),
  /** Name servers, `address` or `address:port`; none: those of this machine. */
  dns_servers: z.array(z.string().min(1)).default([]),
  /** Names known without asking, with their addresses. */
  hosts: z.record(hostName, z.array(z.union([z.ipv4(), z.ipv6()])).min(1)).default({}),
  /** Certificates (PEM) that are trusted besides the usual ones where the door opens TLS itself. */
  ca_certificates: z.array(z.string().startsWith('-----BEGIN')).default([]),
});
export type EgressConfig = z.infer<typeof egressConfig>;
