import type { HttpServer } from '@karta/http';
import { type BoundInternalRoute, nodeIdOf, type PlaneClient } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import { createAudit } from '../audit/audit.ts';
import { createBillingRoom } from '../billing/billing-room.ts';
import { createBudgetsRoom } from '../budgets/budgets-room.ts';
import type { ControlPlaneConfig } from '../config.ts';
import type { ControlHttp } from '../http/app.ts';
import { createIdentity } from '../identity/identity.ts';
import { byCredential } from '../identity/person-authenticator.ts';
import { listenInternal } from '../internal/internal-surface.ts';
import type { OrgGrants } from '../internal/org-grant.ts';
import { createKeysRoom } from '../keys/keys-room.ts';
import { createOperatorRoom } from '../operator/operator-room.ts';
import { createPlaneKeysRoom } from '../plane-keys/plane-keys-room.ts';
import { createPriceBooks } from '../prices/price-books.ts';
import { doorsPricesRoute, priceRoutes } from '../prices/price-routes.ts';
import { ownKeyRules } from '../provider-keys/key-rules.ts';
import { createProviderKeysRoom } from '../provider-keys/provider-keys-room.ts';
import { rateLimitRoutes } from '../rate-limits/rate-limit-routes.ts';
import { createRateLimits } from '../rate-limits/rate-limits.ts';
import { createReleasesRoom } from '../releases/releases-room.ts';
import type { Database } from '../sql/database.ts';
import { invalidateDoors } from '../sync/invalidate-doors.ts';
import { createNodeSync } from '../sync/node-sync.ts';
import type { TokenKeys } from '../tokens/token-keys.ts';
import { eventIntakeRoute } from '../usage/event-intake.ts';
import { createUsageArchiver } from '../usage/usage-archiver.ts';
import { usageRoutes } from '../usage/usage-routes.ts';
import { createWebhooksRoom } from '../webhooks/webhooks-room.ts';

/** What every room of the control plane is built from. */
export interface RoomDeps {
  config: ControlPlaneConfig;
  database: Database;
  log: Logger;
  /** By this clock windows of budgets begin and end, and leases expire. */
  now?: () => Date;
}

/** The rooms of one control plane, put together. */
export interface Rooms {
  /** What the public surface serves. */
  http: Pick<ControlHttp, 'routes' | 'authenticator' | 'mounts' | 'webhooks'>;
  tokenKeys: TokenKeys;
  grants: OrgGrants;
  /** What the data planes may ask. */
  internalRoutes: readonly BoundInternalRoute[];
  /** Serves these to the data planes only. */
  listenInternal(ready: () => boolean): Promise<HttpServer>;
  /** The operator's admin plane, when the configuration has one. */
  listenOperator(ready: () => boolean): Promise<HttpServer | null>;
  /** Begins what works by itself: syncs, deliveries. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Builds every room. Each brings its routes; what works in the background begins with `start`. */
export async function createRooms(deps: RoomDeps): Promise<Rooms> {
  const { config, database, log, now = () => new Date() } = deps;
  const audit = await createAudit({ home: config.home, database, log });
  const changed = () => sync.synced();
  const keys = await createKeysRoom({ ...deps, changed, dataUrl: () => sync.dataUrl() });
  const identity = await createIdentity({ ...deps, changed, idempotency: keys.idempotency });
  const prices = createPriceBooks(database);
  const planeKeys = await createPlaneKeysRoom(deps);
  const { nodes } = planeKeys;
  const operator = await createOperatorRoom({
    ...deps,
    planeKeys,
    identity,
    audit,
    prices,
    tokenKeys: keys.tokenKeys,
    changed,
  });
  const tokenKeys = () => keys.tokenKeys.publicSet();
  const sync = createNodeSync({
    database,
    nodes,
    tokenKeys,
    staffOrigins: [new URL(identity.publicUrl).origin],
    log,
  });
  const releases = await createReleasesRoom({ ...deps, nodes, sync, grants: keys.grants });
  const billing = await createBillingRoom({
    config: config.billing,
    database,
    publicUrl: identity.publicUrl,
    changed,
    log,
  });
  const webhooks = await createWebhooksRoom({
    home: config.home,
    database,
    idempotency: keys.idempotency,
    network: { allowPrivate: config.webhooks.allow_private },
    log,
  });
  const changedAtDoors = invalidateDoors(nodes, log);
  const providerKeys = await createProviderKeysRoom({
    ...deps,
    grants: keys.grants,
    nodes: config.nodes.map(({ key }, index) => ({
      id: nodeIdOf(key.kid),
      client: nodes[index] as PlaneClient,
    })),
    changed: changedAtDoors,
  });
  const budgets = createBudgetsRoom({
    database,
    grants: keys.grants,
    otherRules: async (orgId) => ({
      ...(await ownKeyRules(database, orgId)),
      price_version: await prices.version(),
    }),
    invalidate: changedAtDoors,
    log,
    now,
  });
  const archiver = createUsageArchiver(database, config.usage_days, log);
  const internalRoutes: BoundInternalRoute[] = [
    ...keys.internalRoutes,
    ...releases.internalRoutes,
    eventIntakeRoute({ database, grants: keys.grants, log, now }),
    doorsPricesRoute(prices),
    ...budgets.internalRoutes,
    ...providerKeys.internalRoutes,
  ];
  return {
    http: {
      routes: [
        ...identity.routes,
        ...keys.routes,
        ...releases.routes,
        ...audit.routes,
        ...usageRoutes(database),
        ...priceRoutes(prices),
        ...billing.routes,
        ...budgets.routes,
        ...providerKeys.routes,
        ...rateLimitRoutes(createRateLimits({ database, changed })),
        ...webhooks.routes,
      ],
      authenticator: byCredential(identity.authenticator, keys.authenticator),
      mounts: [...identity.mounts, ...keys.mounts],
      webhooks: webhooks.documented,
    },
    tokenKeys: keys.tokenKeys,
    grants: keys.grants,
    internalRoutes,
    listenInternal: (ready) =>
      listenInternal({ config, peers: planeKeys.peers, routes: internalRoutes, log, ready }),
    listenOperator: operator.listen,
    start: async () => {
      identity.start();
      operator.start();
      keys.start();
      planeKeys.start();
      sync.start();
      await releases.start();
      audit.start();
      await billing.start();
      webhooks.start();
      budgets.start();
      archiver.start();
      providerKeys.start();
    },
    stop: async () => {
      budgets.stop();
      await archiver.stop();
      await providerKeys.stop();
      await webhooks.stop();
      await billing.stop();
      identity.stop();
      operator.stop();
      await releases.stop();
      await sync.stop();
      await planeKeys.stop();
      await keys.stop();
      await audit.stop();
    },
  };
}
