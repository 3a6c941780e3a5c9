import { type HttpServer, listenHttp, loggable, trustedProxies } from '@karta/http';
import { KartaError } from '@karta/protocol';
import { secretFile } from '@karta/service';
import type { Logger } from 'pino';
import type { Audit } from '../audit/audit.ts';
import { operatorAuditRoutes } from '../audit/operator-routes.ts';
import { operatorNodeRoutes } from '../budgets/operator-node-routes.ts';
import type { ControlPlaneConfig } from '../config.ts';
import { createControlApp } from '../http/app.ts';
import type { Identity } from '../identity/identity.ts';
import { createLogin } from '../identity/login.ts';
import { loginMount } from '../identity/login-mount.ts';
import { OPERATOR_TABLES } from '../identity/login-tables.ts';
import { signedInUser } from '../identity/person-authenticator.ts';
import { operatorPages } from '../pages/operator-pages.ts';
import { planeKeyRoutes } from '../plane-keys/plane-key-routes.ts';
import type { PlaneKeys } from '../plane-keys/plane-keys-room.ts';
import type { PriceBooks } from '../prices/price-books.ts';
import { operatorPriceRoutes } from '../prices/price-routes.ts';
import { operatorRateLimitRoutes } from '../rate-limits/rate-limit-routes.ts';
import { createOperatorRateLimits } from '../rate-limits/rate-limits.ts';
import type { Database } from '../sql/database.ts';
import type { TokenKeys } from '../tokens/token-keys.ts';
import { operatorLinkFile } from './link-file.ts';
import { operatedOrgRoutes } from './operated-org-routes.ts';
import { createOperatedOrgs } from './operated-orgs.ts';
import { enrollLink, operatorRoutes } from './operator-routes.ts';
import { createOperators } from './operators.ts';
import { sweepTurnEnds } from './turn-ends.ts';

/** How often what nobody looks at any more is dropped, in ms. */
const SWEEP_MS = 60 * 60 * 1000;

export interface OperatorRoomDeps {
  config: Pick<ControlPlaneConfig, 'home' | 'operator' | 'trusted_proxies'>;
  database: Database;
  log: Logger;
  identity: Pick<Identity, 'login' | 'attempts' | 'publicUrl'>;
  audit: Audit;
  prices: PriceBooks;
  tokenKeys: TokenKeys;
  planeKeys: Pick<PlaneKeys, 'list' | 'rotate'>;
  changed(): Promise<void>;
}

/** The operator's admin plane: a surface of its own, with accounts of its own. */
export interface OperatorRoom {
  /** Begins to serve, and writes the first operator's link. `null` when there is no admin plane. */
  listen(ready: () => boolean): Promise<HttpServer | null>;
  start(): void;
  stop(): void;
}

export async function createOperatorRoom(deps: OperatorRoomDeps): Promise<OperatorRoom> {
  const { config, database, log, identity } = deps;
  const settings = config.operator;
  const linkFile = operatorLinkFile(config.home);
  let sweeping: NodeJS.Timeout | undefined;
  const background = {
    start() {
      sweeping = setInterval(() => {
        sweepTurnEnds(database).catch((error: unknown) => {
          log.warn(loggable(error), 'old ends of turns could not be dropped');
        });
      }, SWEEP_MS);
    },
    stop() {
      clearInterval(sweeping);
      linkFile.close();
    },
  };
  if (!settings) return { ...background, listen: async () => null };

  let adminUrl = (settings.public_url ?? `http://localhost:${settings.port}`).replace(/\/+$/, '');
  const login = createLogin({
    tables: OPERATOR_TABLES,
    ownerId: 'operator',
    basePath: '/v1/auth',
    publicUrl: adminUrl,
    cookiePrefix: 'karta-operator',
    secret: await secretFile(config.home, 'operator-login'),
    database,
    attempts: identity.attempts,
    mailer: null,
    log,
  });
  const operators = createOperators(database, login, () => linkFile.used());
  const mount = loginMount({
    login,
    prefix: '/v1/auth',
    realm: 'operator',
    attempts: identity.attempts,
    origin: new URL(adminUrl).origin,
    trustedProxies: trustedProxies(config.trusted_proxies),
    devices: OPERATOR_TABLES.devices,
    async admitSignUp() {
      throw new KartaError('sign_up_closed', 'Operators come by one-time links only.');
    },
  });
  const orgs = createOperatedOrgs({
    database,
    publicUrl: identity.publicUrl,
    changed: deps.changed,
  });

  return {
    ...background,
    async listen(ready) {
      const app = createControlApp({
        routes: [
          ...operatorRoutes({
            operators,
            database,
            people: { login: identity.login, publicUrl: identity.publicUrl },
            tokenKeys: deps.tokenKeys,
            adminUrl: () => adminUrl,
          }),
          ...operatedOrgRoutes(orgs),
          ...planeKeyRoutes(deps.planeKeys),
          ...operatorNodeRoutes(database, async () =>
            (await deps.planeKeys.list()).flatMap(({ of, node_id }) =>
              of === 'node' && node_id !== null ? [node_id] : [],
            ),
          ),
          ...operatorPriceRoutes(database, deps.prices),
          ...operatorRateLimitRoutes(createOperatorRateLimits(deps)),
          ...operatorAuditRoutes(deps.audit),
        ],
        authenticator: {
          async actorOf(headers) {
            const user = await signedInUser(login, headers, adminUrl);
            return user && { kind: 'operator', secondFactor: user.twoFactorEnabled, ...user };
          },
        },
        mounts: [
          mount,
          ...operatorPages({
            login,
            mount,
            operators,
            origin: () => new URL(adminUrl).origin,
            log,
          }),
        ],
        webhooks: {},
        document: {
          title: 'Karta admin plane',
          description: 'For whoever runs this server: orgs, suspension, keys, abuse.',
        },
        log,
        ready,
      });
      const server = await listenHttp(app, { host: settings.host, port: settings.port });
      if (settings.public_url === undefined) adminUrl = `http://localhost:${server.port}`;
      const first = await operators.firstLink();
      await linkFile.write(first && enrollLink(adminUrl, first.token));
      return server;
    },
  };
}
