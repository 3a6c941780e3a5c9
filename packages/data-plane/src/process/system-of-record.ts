import { join } from 'node:path';
import type { Harness } from '@karta/harness';
import {
  createServiceVerifier,
  type InternalHandler,
  internalRouter,
  nodeIdOf,
  openRotatingKey,
  openTrustedKeys,
  planeClient,
} from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import { createSpendGate, type SpendGate } from '../budget/gate.ts';
import { buildRoute } from '../builds/build-route.ts';
import { createBuilder } from '../builds/builder.ts';
import { type Catalog, openCatalog } from '../catalog/catalog.ts';
import { catalogLookups } from '../catalog/catalog-lookups.ts';
import { pinsRoute } from '../catalog/pins-route.ts';
import { syncRoute } from '../catalog/sync-route.ts';
import type { DataPlaneConfig } from '../config.ts';
import type { ControlPlane } from '../control/index.ts';
import { createOrgGrants, type OrgGrants, remoteAuth } from '../control/remote/index.ts';
import { batchSender } from '../outbox/batch-sender.ts';
import type { SendBatch } from '../outbox/outbox.ts';
import { planeKeyRoutes } from '../plane-keys/plane-key-routes.ts';
import { createLocalReleases, type LocalReleases } from '../releases/local-releases.ts';
import { openPullProofs } from '../releases/pull-proofs.ts';
import { createReleaseSecrets } from '../releases/release-secrets.ts';
import type { RunnerConfig } from '../runner/config.ts';
import { DoorsClient } from '../runner/doors/doors-client.ts';
import { invalidateRoute } from '../runner/doors/invalidate-route.ts';
import { openEgress } from '../runner/doors/open-egress.ts';
import { testKeyRoute } from '../runner/doors/test-key-route.ts';
import type { ReleasePins } from '../sessions/release-pins.ts';

/** What of the running data plane answers the control plane. */
export interface InternalParts {
  /** Where clients reach this node. */
  url(): string;
  /** Which releases its sessions need. */
  pins: Pick<ReleasePins, 'among'>;
}

/** The system of record as one data plane uses it. */
export interface SystemOfRecord {
  control: ControlPlane;
  /** How the runner gets releases and secrets that are not on this machine. */
  runner: Pick<RunnerConfig, 'haveRelease' | 'secretsOf'>;
  catalog: Catalog;
  /** Releases that are on this machine. */
  local: LocalReleases;
  grants: OrgGrants;
  /** Refuses turns for want of budget. */
  gate: SpendGate;
  /** Has this process and the doors forget what they know of the money and keys of orgs. */
  forgetOrgs(orgIds: readonly string[]): Promise<void>;
  /** Tells it what happened here. */
  send: SendBatch;
  /** Answers the control plane. */
  internal(parts: InternalParts): InternalHandler;
}

/** The control plane that the configuration names. */
export async function openSystemOfRecord(
  config: DataPlaneConfig,
  harnesses: readonly Harness[],
  log: Logger,
): Promise<SystemOfRecord> {
  const { internal_url, key, public_key, stale_auth_ms: staleMs } = config.control;
  const secrets = join(config.home, 'secrets');
  const own = await openRotatingKey(join(secrets, 'plane-data-rotated.json'), key);
  const trusted = await openTrustedKeys(
    join(secrets, 'plane-control-trusted.json'),
    public_key,
    (error) => log.error({ err: error }, 'the end of an old key could not be written down'),
  );
  const client = planeClient({ baseUrl: internal_url, key: own.current, audience: 'control' });
  const catalog = await openCatalog(config.home);
  const grants = createOrgGrants();
  const proofs = await openPullProofs(config.home, grants, log);
  const grantOf = (orgId: string) => grants.of(orgId);
  const local = createLocalReleases({ home: config.home, client, proofOf: proofs.of });
  const doors = new DoorsClient({
    managementSocket: config.doors.management_socket,
    token: config.doors.token,
  });
  const gate = createSpendGate({
    doors,
    grantOf,
    unpaid: (orgId) => catalog.denial('unpaid', orgId) !== null,
  });
  // This process first: what it remembers must not outlive what the doors know.
  const forgetOrgs = async (orgIds: readonly string[]) => {
    gate.forget(orgIds);
    await doors.invalidate(orgIds);
  };
  const builder = createBuilder({
    home: config.home,
    runtimeDir: config.runtime_dir,
    sandbox: config.sandbox,
    allowUnsandboxed: config.allow_unsandboxed,
    harnesses,
    upstreams: async () => (await doors.upstreams()).upstreams,
    openEgress: (request) => openEgress(doors, request),
  });
  return {
    control: {
      ...catalogLookups(catalog),
      ...remoteAuth({ client, source: catalog, grants, staleMs }),
    },
    runner: {
      haveRelease: (release) => local.have(release),
      secretsOf: createReleaseSecrets({ client, grantOf, staleMs }),
    },
    catalog,
    local,
    grants,
    gate,
    forgetOrgs,
    send: batchSender(client, nodeIdOf(key.kid)),
    internal: ({ url, pins }) =>
      internalRouter({
        routes: [
          syncRoute(catalog, { id: nodeIdOf(key.kid), url }),
          pinsRoute(catalog, pins),
          buildRoute({ home: config.home, builder, client, log }),
          invalidateRoute(forgetOrgs),
          testKeyRoute(doors),
          ...planeKeyRoutes({ own, trusted, doors }),
        ],
        verifier: createServiceVerifier({ audience: 'data', peers: trusted }),
        log,
      }),
  };
}
