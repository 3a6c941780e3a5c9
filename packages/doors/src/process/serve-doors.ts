import { join } from 'node:path';
import { addressPolicy, createNameResolver } from '@karta/service/network';
import { dropTo, ownFolder, userToBecome } from '@karta/service/own-user';
import {
  openRotatingKey,
  type PlanePrivateKey,
  planeClient,
  type RotatingKey,
} from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import { Secret } from '../channels/credential.ts';
import { ProcessBodies } from '../channels/process-bodies.ts';
import { ChannelRegistry } from '../channels/registry.ts';
import type { DoorsConfig } from '../config.ts';
import type { OrgLink } from '../control/org-link.ts';
import { OrgRules } from '../control/org-rules.ts';
import { remoteControl } from '../control/remote-control.ts';
import { egressContext } from '../egress/egress-context.ts';
import { Journal } from '../journal/journal.ts';
import { OwnKeys } from '../keys/own-keys.ts';
import { OwnUpstreams } from '../keys/own-upstreams.ts';
import { managementServer } from '../management/server.ts';
import { createMetrics } from '../metrics.ts';
import { awsParts } from '../upstreams/bedrock/aws-parts.ts';
import { selectUpstreams, type Upstreams } from '../upstreams/select.ts';
import { openBudgets } from './budgets.ts';
import { serveMetrics } from './metrics-server.ts';
import { listenPrivately, prepareFolders } from './sockets.ts';

/** How long calls that were cut have to be written down, in ms. */
const SETTLE_MS = 1_000;
/** How often keys that are too old are dropped from memory, in ms. */
const KEY_SWEEP_MS = 10_000;

/** Doors that serve. */
export interface ServedDoors {
  metricsPort: number | null;
  /** Refuses new calls, waits for those in flight at most `config.drain_ms`, then ends all. */
  drain(): Promise<void>;
  /** Ends all at once. */
  stop(): Promise<void>;
}

/** Opens the management socket and the metrics, then becomes the user it is to run as. */
export async function serveDoors(config: DoorsConfig, log: Logger): Promise<ServedDoors> {
  const owner = userToBecome(config.run_as_uid);
  const metrics = createMetrics();
  const upstreams = selectUpstreams(config.upstreams);
  let draining = false;
  const journal = new Journal(await ownFolder(config.journal_dir, owner), log);
  metrics.watchJournal(journal);
  const bodies = new ProcessBodies();
  const planeKey = await rotatingKey(config, owner);
  const orgs = orgLink(config, upstreams, planeKey?.current);
  const budgets = openBudgets(orgs, journal, metrics, log);
  const { admission, turnCheck, forget } = budgets;
  const context = {
    ...{ upstreams, metrics, orgs, admission, journal, bodies, log },
    draining: () => draining,
  };
  const egress = egressContext(config.egress, metrics.registry, log);
  const channels = new ChannelRegistry(context, egress, config.runtime_dir);
  const token = new Secret(config.management_token);
  const managed = { channels, upstreams, journal, forget, orgs, turnCheck, planeKey };
  const management = managementServer(managed, token, log);

  await prepareFolders(config, owner);
  await listenPrivately(management, config.management_socket, owner);
  const measured =
    config.metrics_port === null ? null : await serveMetrics(metrics, config.metrics_port);
  if (owner !== null) {
    // Its files may be out of the new user's reach.
    await awsParts();
    dropTo(owner);
  }
  await journal.recover();
  budgets.start();
  const sweeping = setInterval(() => orgs?.keys.sweep(), KEY_SWEEP_MS).unref();

  async function stop(): Promise<void> {
    await channels.removeAll();
    for (const server of [management, measured?.server]) {
      server?.close();
      server?.closeAllConnections();
    }
    upstreams.close();
    orgs?.upstreams.close();
    clearInterval(sweeping);
    await journal.settled(SETTLE_MS);
    await budgets.stop();
    await journal.close();
  }

  return {
    metricsPort: measured?.port ?? null,
    stop,
    async drain() {
      draining = true;
      const timeout = new Promise<void>((resolve) => setTimeout(resolve, config.drain_ms).unref());
      await Promise.race([channels.idle(), timeout]);
      await stop();
    },
  };
}

/** What the doors sign with, where it may change; `null` where it may not. */
async function rotatingKey(config: DoorsConfig, owner: number | null): Promise<RotatingKey | null> {
  if (config.control === null || config.keys_dir === null) return null;
  const folder = await ownFolder(config.keys_dir, owner);
  return openRotatingKey(join(folder, 'plane-doors-rotated.json'), config.control.key);
}

function orgLink(
  config: DoorsConfig,
  configured: Upstreams,
  rotating: (() => PlanePrivateKey) | undefined,
): OrgLink | null {
  if (config.control === null) return null;
  const { internal_url: baseUrl, stale_auth_ms: staleMs } = config.control;
  const key = rotating ?? config.control.key;
  const control = remoteControl(planeClient({ baseUrl, key, audience: 'control' }));
  const network = {
    policy: addressPolicy(config.own_keys.allow_private),
    resolver: createNameResolver(),
  };
  return {
    control,
    rules: new OrgRules(control, { staleMs }),
    staleMs,
    keys: new OwnKeys(control),
    upstreams: new OwnUpstreams(configured, network),
  };
}
