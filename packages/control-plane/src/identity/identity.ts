import { type IdempotencyStore, loggable, trustedProxies } from '@karta/http';
import { secretFile } from '@karta/service';
import type { Logger } from 'pino';
import type { ControlPlaneConfig } from '../config.ts';
import type { Mount } from '../http/app.ts';
import type { Authenticator, BoundRoute } from '../http/route.ts';
import { personPages } from '../pages/person-pages.ts';
import type { Database } from '../sql/database.ts';
import { type Attempts, createAttempts } from './attempts.ts';
import { invitationRoutes } from './invitation-routes.ts';
import { createInvitations } from './invitations.ts';
import { createLogin, type Login } from './login.ts';
import { loginMount } from './login-mount.ts';
import { OPERATOR_TABLES, PEOPLE_TABLES } from './login-tables.ts';
import { createMailer } from './mailer.ts';
import { memberRoutes } from './member-routes.ts';
import { createMembers } from './members.ts';
import { orgRoutes } from './org-routes.ts';
import { createOrgs } from './orgs.ts';
import { personAuthenticator } from './person-authenticator.ts';
import { admitSignUp } from './sign-up.ts';
import { sweepLogins } from './sweep-logins.ts';

/** How often logins and attempts that have run out are dropped, in ms. */
const SWEEP_MS = 60 * 60 * 1000;

export type IdentityConfig = Pick<
  ControlPlaneConfig,
  'home' | 'port' | 'public_url' | 'signup' | 'mail' | 'trusted_proxies'
>;

export interface IdentityDeps {
  config: IdentityConfig;
  database: Database;
  log: Logger;
  /** For creations that repeats must not do twice. */
  idempotency: IdempotencyStore;
  /** Resolves when the nodes have heard that something changed, or after a moment. */
  changed(): Promise<void>;
}

/** People, orgs and who may what: everything of it that the control plane serves. */
export interface Identity {
  routes: BoundRoute[];
  mounts: Mount[];
  authenticator: Authenticator;
  login: Login;
  attempts: Attempts;
  /** Where people reach the public surface. */
  publicUrl: string;
  start(): void;
  stop(): void;
}

export async function createIdentity(deps: IdentityDeps): Promise<Identity> {
  const { config, database, log } = deps;
  const publicUrl = publicUrlOf(config);
  const mailer = config.mail
    ? await createMailer({ smtpUrl: config.mail.smtp_url, from: config.mail.from, publicUrl })
    : null;
  const attempts = createAttempts(database);
  const login = createLogin({
    tables: PEOPLE_TABLES,
    ownerId: 'person',
    basePath: '/v1/auth',
    publicUrl,
    cookiePrefix: 'karta',
    secret: await secretFile(config.home, 'login'),
    database,
    attempts,
    mailer,
    log,
  });
  const invitations = createInvitations({ database, mailer, publicUrl, log });
  const mount = loginMount({
    login,
    prefix: '/v1/auth',
    realm: 'person',
    attempts,
    origin: new URL(publicUrl).origin,
    trustedProxies: trustedProxies(config.trusted_proxies),
    devices: PEOPLE_TABLES.devices,
    admitSignUp: (email, token) => admitSignUp(config.signup, invitations, email, token),
  });
  let sweeping: NodeJS.Timeout | undefined;

  async function sweep(): Promise<void> {
    await attempts.sweep();
    await sweepLogins(database, PEOPLE_TABLES);
    await sweepLogins(database, OPERATOR_TABLES);
  }

  return {
    routes: [
      ...orgRoutes(createOrgs(database, deps.changed), database, deps.idempotency),
      ...memberRoutes(createMembers(database, deps.changed)),
      ...invitationRoutes(invitations, deps.idempotency),
    ],
    mounts: [
      mount,
      ...personPages({
        login,
        mount,
        invitations,
        origin: new URL(publicUrl).origin,
        mails: mailer !== null,
        log,
      }),
    ],
    authenticator: personAuthenticator({ login, database, publicUrl }),
    login,
    attempts,
    publicUrl,
    start() {
      sweeping = setInterval(() => {
        sweep().catch((error: unknown) => {
          log.warn(loggable(error), 'logins that have run out could not be dropped');
        });
      }, SWEEP_MS);
    },
    stop: () => clearInterval(sweeping),
  };
}

/** As browsers reach the public surface, without a slash at its end. */
export function publicUrlOf(config: Pick<ControlPlaneConfig, 'public_url' | 'port'>): string {
  return (config.public_url ?? `http://localhost:${config.port}`).replace(/\/+$/, '');
}
