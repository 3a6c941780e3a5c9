import type { NetworkTarget } from '@karta/protocol';
import type { SandboxHost } from '@karta/sandbox';
import type { DoorsClient } from './doors-client.ts';
import { egressOrder, sandboxHosts } from './egress-hosts.ts';

/** Ways to allowed hosts for a sandbox without a model, such as a builder's. */
export interface OpenEgress {
  /** For `SandboxSpec.hosts`. */
  hosts: readonly SandboxHost[];
  /** Cuts every connection; call it once the sandbox is gone. */
  close(): Promise<void>;
}

/**
 * Opens them. `id` names the sandbox and must be unique; each connection is logged under it. Throws
 * `DoorsError`.
 */
export async function openEgress(
  doors: DoorsClient,
  {
    id,
    orgId,
    projectId,
    allow,
  }: {
    id: string;
    orgId: string;
    projectId: string;
    allow: readonly NetworkTarget[];
  },
): Promise<OpenEgress> {
  const order = egressOrder(allow, {});
  const channel = await doors.openChannel({
    ...{ channel_id: id, org_id: orgId, project_id: projectId, session_id: null, mode: 'parked' },
    egress: order,
  });
  return {
    hosts: sandboxHosts(order, channel.egress),
    close: () => doors.closeChannel(id),
  };
}
