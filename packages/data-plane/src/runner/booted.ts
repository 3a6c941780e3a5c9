import { KartaError, newId } from '@karta/protocol';
import type { Release } from '../control/port.ts';
import type { RunnerLog } from './config.ts';
import type { DoorsClient } from './doors/doors-client.ts';
import { egressOrder, injectedSecrets, sandboxHosts } from './doors/egress-hosts.ts';
import { type Families, offered } from './doors/families.ts';
import type { Machine, MachineHost } from './machine/machine-port.ts';
import type { RunnerSession } from './port.ts';

/** A machine with its channel: what a session or a pool slot holds. */
export interface Booted {
  /** Of the sandbox and of its channel. */
  readonly id: string;
  readonly volumeId: string;
  readonly release: Release;
  readonly machine: Machine;
  /** Which start of the doors has its channel. */
  readonly doorsStart: string | null;
}

export interface BootParts {
  host: MachineHost;
  doors: DoorsClient;
  families: Families;
  /** What the harness's processes of a release are given. */
  envOf(release: Release): Promise<Record<string, string>>;
  /** Values of the release's secrets, those of `names` that have one. */
  secretsOf(release: Release, names: readonly string[]): Promise<Record<string, string>>;
  log: RunnerLog;
}

/** A fresh volume id: `vol_` and 96 random bits. */
export function newVolumeId(): string {
  return newId('sandbox').replace(/^[a-z]+_/, 'vol_');
}

/**
 * Opens a channel (parked while there is no session) and boots a sandbox on it. Throws
 * `KartaError`, and leaves no channel behind.
 */
export async function boot(
  parts: BootParts,
  order: {
    id: string;
    volumeId: string;
    release: Release;
    session: Pick<RunnerSession, 'sessionId' | 'mode'> | null;
  },
): Promise<Booted> {
  const { id, volumeId, release, session } = order;
  const env = await parts.envOf(release);
  const { served, channel, hosts, doorsStart } = await openChannel(parts, id, release, session);
  try {
    const machine = await parts.host.boot({
      sandboxId: id,
      volumeId,
      release,
      channel: { socketPath: channel.socket_path, credential: channel.credential },
      hosts,
      ...served,
      env,
    });
    return { id, volumeId, release, machine, doorsStart };
  } catch (error) {
    await closeChannel(parts, id);
    throw error;
  }
}

async function openChannel(
  { doors, families, secretsOf }: BootParts,
  id: string,
  release: Release,
  session: Pick<RunnerSession, 'sessionId' | 'mode'> | null,
) {
  const { networkAllow, providerTools, modelFallback } = release.config;
  const secrets = await secretsOf(release, injectedSecrets(networkAllow));
  const egress = egressOrder(networkAllow, secrets);
  try {
    const served = offered(await families(), release.config.ownWires ?? []);
    const channel = await doors.openChannel({
      channel_id: id,
      org_id: release.orgId,
      project_id: release.projectId,
      session_id: session?.sessionId ?? null,
      mode: session === null ? 'parked' : 'live',
      demo: session?.mode === 'test',
      egress,
      provider_tools: providerTools,
      fallback: [...modelFallback],
    });
    const hosts = sandboxHosts(egress, channel.egress);
    return { served, channel, hosts, doorsStart: doors.start };
  } catch (cause) {
    throw new KartaError('harness_failed', 'The model proxy does not answer.', { cause });
  }
}

/** Closes a channel; when the doors are gone, so is the channel. */
export async function closeChannel(
  { doors, log }: Pick<BootParts, 'doors' | 'log'>,
  id: string,
): Promise<void> {
  try {
    await doors.closeChannel(id);
  } catch (error) {
    log.warn({ err: error, channel: id }, 'a channel could not be closed');
  }
}
