import type { NetworkTarget } from '@karta/protocol';
import type { SandboxHost } from '@karta/sandbox';
import type { DoorsClient } from './doors-client.ts';
import { egressOrder, sandboxHosts } from './egress-hosts.ts';

/** Which hosts a sandbox is to reach. */
export interface EgressRequest {
  /** Of the sandbox, unique; each connection is logged under it. */
  id: string;
  orgId: string;
  projectId: string;
  allow: readonly NetworkTarget[];
  /** Values of the secrets that the doors add; default: none. */
  secrets?: Readonly<Record<string, string>>;
}

/** Ways to allowed hosts for a sandbox without a model, such as a builder's. */
export interface OpenEgress {
  /** For `SandboxSpec.hosts`. */
  hosts: readonly SandboxHost[];
  /** Cuts every connection; call it once the sandbox is gone. */
  close(): Promise<void>;
}

/** Opens them. Throws `DoorsError`, and `KartaError` for a secret without a value. */
export async function openEgress(
  doors: Pick<DoorsClient, 'openChannel' | 'closeChannel'>,
  { id, orgId, projectId, allow, secrets = {} }: EgressRequest,
): Promise<OpenEgress> {
  const order = egressOrder(allow, secrets);
  const channel = await doors.openChannel({
    ...{ channel_id: id, org_id: orgId, project_id: projectId, session_id: null, mode: 'parked' },
    egress: order,
  });
  return {
    hosts: sandboxHosts(order, channel.egress),
    close: () => doors.closeChannel(id),
  };
}
