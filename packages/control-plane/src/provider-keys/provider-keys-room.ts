import { secretFile } from '@karta/service';
import type { BoundInternalRoute } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import type { ControlPlaneConfig } from '../config.ts';
import type { BoundRoute } from '../http/route.ts';
import type { OrgGrants } from '../internal/org-grant.ts';
import type { Database } from '../sql/database.ts';
import { endpointRules } from '../webhooks/endpoint-address.ts';
import { doorsKeyRoute } from './doors-route.ts';
import { type KmsPort, localKms } from './kms.ts';
import { providerKeyRoutes } from './provider-key-routes.ts';
import { ProviderKeys } from './provider-keys.ts';
import { rewrapKeys } from './rewrap.ts';
import { type TestingNode, testKey } from './test-key.ts';

export interface ProviderKeysRoomParts {
  config: Pick<ControlPlaneConfig, 'home' | 'provider_keys'>;
  database: Database;
  grants: OrgGrants;
  nodes: readonly TestingNode[];
  /** Has the doors forget what they know of an org. */
  changed(orgId: string): Promise<void>;
  log: Pick<Logger, 'info' | 'error'>;
}

/** The orgs' own keys of model providers. */
export interface ProviderKeysRoom {
  routes: BoundRoute[];
  internalRoutes: BoundInternalRoute[];
  /** Takes older key-encryption keys out of use. */
  start(): void;
  stop(): Promise<void>;
}

export async function createProviderKeysRoom(
  parts: ProviderKeysRoomParts,
): Promise<ProviderKeysRoom> {
  const { config, database, grants, nodes, changed, log } = parts;
  const kms = await kmsOf(config);
  const rules = endpointRules({ allowPrivate: config.provider_keys.allow_private });
  const keys = new ProviderKeys({ database, kms, rules, changed });
  let rewrapping = Promise.resolve();
  return {
    routes: providerKeyRoutes({
      keys,
      test: (orgId, provider) => testKey(nodes, grants, { orgId, provider }),
    }),
    internalRoutes: [doorsKeyRoute(keys, grants)],
    start() {
      rewrapping = rewrapKeys(database, kms).then(
        (count) => {
          if (count > 0) log.info({ count, kek: kms.currentId }, 'provider keys are wrapped anew');
        },
        (error: unknown) => log.error({ err: error }, 'provider keys could not be wrapped anew'),
      );
    },
    stop: () => rewrapping,
  };
}

/** From the configuration, else from `secrets/provider-kek` of the home, made at first use. */
async function kmsOf(config: ProviderKeysRoomParts['config']): Promise<KmsPort> {
  return localKms(config.provider_keys.kek ?? (await secretFile(config.home, 'provider-kek')));
}
