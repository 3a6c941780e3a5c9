import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenHttp } from '@karta/http';
import { IdempotencyKeys } from '@karta/postgres';
import { type CreatedInvitation, LIMITS, type OwnOrg, ownOrg, type Role } from '@karta/protocol';
import { type Logger, pino } from 'pino';
import { type Audit, createAudit } from '../../audit/audit.ts';
import { createControlApp } from '../../http/app.ts';
import type { Authenticator, BoundRoute } from '../../http/route.ts';
import { startTestDatabase, type TestDatabase } from '../../sql/test-database.ts';
import { createIdentity, type Identity, type IdentityConfig } from '../identity.ts';
import type { Login } from '../login.ts';
import { byCredential } from '../person-authenticator.ts';

export const PASSWORD = 'correct horse battery';
/** Where the ground says it is: what browsers send as their origin. */
export const PUBLIC_URL = 'http://localhost:8001';

export interface CallOptions {
  token?: string | null;
  org?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: an answer's fields are what the tests look at
  body: any;
  headers: Headers;
}

/** A person who has signed up and in. */
export interface SignedIn {
  id: string;
  email: string;
  token: string;
}

/** The control plane's real HTTP surface with people and orgs, over a real database. */
export interface IdentityGround {
  url: string;
  home: string;
  database: TestDatabase;
  identity: Identity;
  audit: Audit;
  logger: Logger;
  /** Lines that were logged. */
  log: string[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** What a sign-up and a sign-in leave behind, without the time that passwords take. */
  signUp(email?: string): Promise<SignedIn>;
  createOrg(person: SignedIn): Promise<OwnOrg>;
  /** A new person, made a member by invitation. */
  join(owner: SignedIn, org: OwnOrg, role: Role): Promise<SignedIn>;
  close(): Promise<void>;
}

export interface GroundOptions {
  config?: Partial<IdentityConfig>;
  /** Further routes, by the database. */
  routes?: (database: TestDatabase) => BoundRoute[];
  /** Who holds a key that starts with `kt_`. */
  keys?: Authenticator;
}

let made = 0;

/** Different at each call, for what must be unique. */
export function nextNumber(): number {
  made += 1;
  return made;
}

export async function startIdentity(options: GroundOptions = {}): Promise<IdentityGround> {
  const database = await startTestDatabase();
  const home = await mkdtemp(join(tmpdir(), 'karta-identity-'));
  const log: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line) => void log.push(line) });
  const config: IdentityConfig = {
    home,
    port: 0,
    public_url: PUBLIC_URL,
    signup: 'open',
    trusted_proxies: '',
    ...options.config,
  };
  const identity = await createIdentity({
    config,
    database: database.database,
    log: logger,
    idempotency: new IdempotencyKeys(database.database, LIMITS.idempotencyMs),
    changed: async () => {},
  });
  const audit = await createAudit({ home, database: database.database, log: logger });
  const app = createControlApp({
    routes: [...identity.routes, ...audit.routes, ...(options.routes?.(database) ?? [])],
    authenticator: byCredential(
      identity.authenticator,
      options.keys ?? { actorOf: async () => null },
    ),
    mounts: identity.mounts,
    webhooks: {},
    log: logger,
    ready: () => true,
  });
  const http = await listenHttp(app, { host: '127.0.0.1', port: 0 });

  const ground: IdentityGround = {
    url: http.url,
    home,
    database,
    identity,
    audit,
    logger,
    log,
    call: (method, path, options) => call(http.url, method, path, options),
    signUp: (email) => signedUp(identity.login, email),
    async createOrg(person) {
      const body = { slug: `org-${nextNumber()}`, name: 'An Org' };
      const made = await ground.call('POST', '/v1/orgs', { token: person.token, body });
      return ownOrg.parse(made.body);
    },
    async join(owner, org, role) {
      const person = await ground.signUp();
      const invited = await ground.call('POST', '/v1/invitations', {
        token: owner.token,
        org: org.id,
        body: { email: person.email, role },
      });
      const joined = await ground.call('POST', '/v1/invitations/accept', {
        token: person.token,
        body: { token: linkToken(invited.body) },
      });
      if (joined.status !== 200) throw new Error(`not joined: ${JSON.stringify(joined.body)}`);
      return person;
    },
    async close() {
      identity.stop();
      await http.close(0);
      await database.close();
      await rm(home, { recursive: true, force: true });
    },
  };
  return ground;
}

let passwordHash: Promise<string> | undefined;

/** What a sign-up and a sign-in leave behind, without the time that passwords take. */
export async function signedUp(
  login: Login,
  email = `person-${nextNumber()}@example.com`,
): Promise<SignedIn> {
  const { internalAdapter, password, secret } = await login.$context;
  passwordHash ??= password.hash(PASSWORD);
  const user = await internalAdapter.createUser(
    { email, name: 'A Person' },
    { method: 'email-password' },
  );
  await internalAdapter.linkAccount({
    userId: user.id,
    providerId: 'credential',
    accountId: user.id,
    password: await passwordHash,
  });
  const { token } = await internalAdapter.createSession(user.id);
  const signature = createHmac('sha256', secret).update(token).digest('base64');
  return { id: user.id, email, token: encodeURIComponent(`${token}.${signature}`) };
}

/** One request to a surface. */
export async function call(
  url: string,
  method: string,
  path: string,
  { token, org, body, headers }: CallOptions = {},
): Promise<Answer> {
  const hasBody = body !== undefined && method !== 'GET';
  const answer = await fetch(`${url}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(org === undefined ? {} : { 'karta-org': org }),
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(hasBody ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  const isJson = /\/(problem\+)?json/.test(answer.headers.get('content-type') ?? '');
  return {
    status: answer.status,
    body: isJson && text !== '' ? JSON.parse(text) : text,
    headers: answer.headers,
  };
}

/** Signs in with the password of every person of the tests. */
export async function signIn(ground: IdentityGround, email: string): Promise<SignedIn> {
  const answer = await ground.call('POST', '/v1/auth/sign-in/email', {
    body: { email, password: PASSWORD },
  });
  const token = answer.headers.get('set-auth-token');
  if (token === null) throw new Error(`no sign-in: ${JSON.stringify(answer.body)}`);
  return { id: answer.body.user.id, email, token };
}

/** The token of an invitation's link. */
export function linkToken(created: Pick<CreatedInvitation, 'link'>): string {
  return created.link?.split('#token=')[1] ?? '';
}
