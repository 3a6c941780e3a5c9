import { trustedProxies } from '@karta/http';
import { IdempotencyKeys } from '@karta/postgres';
import { LIMITS } from '@karta/protocol';
import { loadPepper } from '@karta/service/home';
import type { BoundInternalRoute } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import type { ControlPlaneConfig } from '../config.ts';
import type { Mount } from '../http/app.ts';
import type { Authenticator, BoundRoute } from '../http/route.ts';
import { createAttempts } from '../identity/attempts.ts';
import { credentialRoute } from '../internal/credential-route.ts';
import { createOrgGrants, type OrgGrants } from '../internal/org-grant.ts';
import type { Database } from '../sql/database.ts';
import type { ControlTables } from '../sql/schema.ts';
import { createEmbedKeys } from '../tokens/embed-keys.ts';
import { embedPreflight, embedRoutes } from '../tokens/embed-routes.ts';
import { keySeal } from '../tokens/sealed-key.ts';
import { staffTokenRoutes } from '../tokens/staff-token-routes.ts';
import { createTokenKeys, type TokenKeys } from '../tokens/token-keys.ts';
import { tokenRoutes } from '../tokens/token-routes.ts';
import { createVisitors } from '../tokens/visitors.ts';
import { createApiKeys } from './api-keys.ts';
import { sweepDenials } from './denials.ts';
import { keyAuthenticator } from './key-authenticator.ts';
import { keyRoutes } from './key-routes.ts';
import { LastUsed } from './last-used.ts';

/** How often what is over is dropped, in milliseconds. */
const SWEEP_MS = 10 * 60 * 1000;

export interface KeysRoomDeps {
  config: Pick<ControlPlaneConfig, 'home' | 'trusted_proxies'>;
  database: Database;
  log: Logger;
  /** Resolves when the nodes have heard that something changed, or after a moment. */
  changed(): Promise<void>;
  /** Where clients reach the data plane, as one has told. */
  dataUrl(): string | null;
}

/** Keys, tokens and grants: everything of them that the control plane serves. */
export interface KeysRoom {
  routes: BoundRoute[];
  mounts: Mount[];
  internalRoutes: BoundInternalRoute[];
  /** Resolves API keys on the control plane's own routes. */
  authenticator: Authenticator;
  tokenKeys: TokenKeys;
  /** What other internal routes check grants with. */
  grants: OrgGrants;
  /** For every route that repeats must not do twice. */
  idempotency: IdempotencyKeys<ControlTables>;
  pepper: Buffer;
  start(): void;
  stop(): Promise<void>;
}

export async function createKeysRoom(deps: KeysRoomDeps): Promise<KeysRoom> {
  const { config, database, log, changed } = deps;
  const pepper = await loadPepper(config.home);
  const grants = createOrgGrants(pepper);
  const tokenKeys = createTokenKeys({ database, seal: keySeal(pepper), changed });
  const visitors = createVisitors(pepper);
  const idempotency = new IdempotencyKeys(database, LIMITS.idempotencyMs);
  const lastUsed = new LastUsed(database, (error) => {
    log.warn({ err: error }, 'the last use of keys could not be written');
  });
  let sweeping: NodeJS.Timeout | undefined;

  async function sweep(): Promise<void> {
    await idempotency.sweep();
    await sweepDenials(database);
  }

  return {
    routes: [
      ...keyRoutes(createApiKeys({ database, pepper, changed }), idempotency),
      ...tokenRoutes({ database, tokenKeys, changed }),
      ...staffTokenRoutes({ database, tokenKeys, dataUrl: deps.dataUrl }),
      ...embedRoutes({
        embedKeys: createEmbedKeys({ database, visitors, changed }),
        visitors,
        tokenKeys,
        attempts: createAttempts(database),
        idempotency,
        trustedProxies: trustedProxies(config.trusted_proxies),
      }),
    ],
    mounts: [embedPreflight()],
    internalRoutes: [credentialRoute({ database, pepper, lastUsed, grants, tokenKeys })],
    authenticator: keyAuthenticator(database, pepper, lastUsed),
    tokenKeys,
    grants,
    idempotency,
    pepper,
    start() {
      lastUsed.start();
      sweeping = setInterval(() => {
        sweep().catch((error: unknown) => log.warn({ err: error }, 'old keys were not dropped'));
      }, SWEEP_MS);
    },
    async stop() {
      clearInterval(sweeping);
      await lastUsed.stop();
    },
  };
}
