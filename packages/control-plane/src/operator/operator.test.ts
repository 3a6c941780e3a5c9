import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { HttpServer } from '@karta/http';
import { newId, priceBookWire, priceOf, readPriceBook, verifyAudit } from '@karta/protocol';
import { BUILT_IN_PRICES } from '@karta/protocol/built-in-prices';
import { newPlaneKey } from '@karta/service/plane-auth';
import { getMigrations } from 'better-auth/db/migration';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLogin } from '../identity/login.ts';
import { OPERATOR_TABLES } from '../identity/login-tables.ts';
import {
  type CallOptions,
  call,
  type IdentityGround,
  linkToken,
  nextNumber,
  PASSWORD as PEOPLES_PASSWORD,
  startIdentity,
} from '../identity/testing/identity-ground.ts';
import { totpCode } from '../identity/testing/totp-code.ts';
import { Browser } from '../pages/testing/browser.ts';
import { createPlaneKeysRoom } from '../plane-keys/plane-keys-room.ts';
import { createPriceBooks } from '../prices/price-books.ts';
import { doorsPricesRoute } from '../prices/price-routes.ts';
import { keySeal } from '../tokens/sealed-key.ts';
import { createTokenKeys } from '../tokens/token-keys.ts';
import { createOperatorRoom } from './operator-room.ts';
import { bookTurnEnds } from './turn-ends.ts';

const PASSWORD = 'operators have long ones';

let ground: IdentityGround;
let server: HttpServer;
let changes = 0;

beforeAll(async () => {
  ground = await startIdentity({ config: { signup: 'closed' } });
  server = await startPlane();
});
afterAll(async () => {
  await server?.close(0);
  await ground?.close();
});

async function startPlane(): Promise<HttpServer> {
  const { home, database, identity, audit } = ground;
  const changed = async () => {
    changes += 1;
  };
  const room = await createOperatorRoom({
    config: { home, operator: { host: '127.0.0.1', port: 0 }, trusted_proxies: '' },
    database: database.database,
    log: ground.logger,
    identity,
    audit,
    prices: createPriceBooks(database.database),
    planeKeys: await createPlaneKeysRoom({
      config: { home, plane_key: newPlaneKey(), nodes: [], plane_key_overlap_ms: 0 },
      database: database.database,
      log: ground.logger,
    }),
    tokenKeys: createTokenKeys({
      database: database.database,
      seal: keySeal(Buffer.alloc(32)),
      changed,
    }),
    changed,
  });
  const listening = await room.listen(() => true);
  if (!listening) throw new Error('no admin plane');
  return listening;
}

const admin = (method: string, path: string, options?: CallOptions) =>
  call(server.url, method, path, options);

async function firstLink(): Promise<string> {
  return (await readFile(join(ground.home, 'operator-link'), 'utf8')).trim();
}

const enroll = (token: string, email = `operator-${nextNumber()}@example.com`) =>
  admin('POST', '/v1/enroll', { body: { token, email, name: 'Op', password: PASSWORD } });

async function signIn(email: string): Promise<string> {
  const answer = await admin('POST', '/v1/auth/sign-in/email', {
    body: { email, password: PASSWORD },
  });
  return answer.headers.get('set-auth-token') ?? '';
}

async function withSecondFactor(email: string): Promise<string> {
  const token = await signIn(email);
  const enabled = await admin('POST', '/v1/auth/two-factor/enable', {
    token,
    body: { password: PASSWORD },
  });
  const confirmed = await admin('POST', '/v1/auth/two-factor/verify-totp', {
    token,
    body: { code: totpCode(enabled.body.totpURI) },
  });
  return confirmed.headers.get('set-auth-token') ?? token;
}

let operator: string;

it('has its first operator by a link in a private file, used once, never logged', async () => {
  const path = join(ground.home, 'operator-link');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const before = await firstLink();
  const again = await startPlane();
  const link = await firstLink();
  await again.close(0);
  expect(link).not.toBe(before);
  const token = link.split('#token=')[1] ?? '';
  const old = await enroll(before.split('#token=')[1] ?? '');
  expect(old.body.error).toBe('not_found');
  expect((await enroll('nonsense')).body.error).toBe('not_found');

  const answers = await Promise.all([1, 2, 3].map(() => enroll(token)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 410, 410]);
  await expect(stat(path)).rejects.toThrow(/ENOENT/);
  expect(ground.log.join('\n')).not.toContain(token);
  const made = answers.find(({ status }) => status === 201);

  const bare = await signIn(made?.body.email);
  const early = await admin('GET', '/v1/orgs', { token: bare });
  expect(early.body.error).toBe('second_factor_needed');
  operator = await withSecondFactor(made?.body.email);
  expect((await admin('GET', '/v1/orgs', { token: operator })).status).toBe(200);
});

it('has pages for it, where nobody types JSON', async () => {
  const made = await admin('POST', '/v1/operators/links', { token: operator, body: {} });
  const browser = new Browser(server.url, `http://localhost:${server.port}`);
  const page = await browser.get('/enroll');
  const email = `operator-${nextNumber()}@example.com`;
  const typed = { token: made.body.link, name: 'Op', email, password: 'short' };
  const short = await browser.send(page, 'Go on', typed);
  expect(short).toMatchObject({ status: 422, title: 'Become an operator of this server' });
  expect(short.forms[0]?.fields).toMatchObject({ name: 'Op', email, password: '' });
  const factor = await browser.send(short, 'Go on', { password: PASSWORD });
  expect(factor.title).toBe('Set up a second factor');
  const scan = await browser.send(factor, 'Go on', { password: PASSWORD });
  const secret = /type this in: (\S+)/.exec(scan.text)?.[1] ?? '';
  const code = totpCode(`otpauth://totp/x?secret=${secret}`);
  await browser.send(scan, 'Finish', { code });
  expect((await browser.get('/sign-in')).text).toContain(`As ${email}`);
  const used = await browser.send(short, 'Go on', { password: PASSWORD });
  expect(used.status).toBe(410);
  // People's errands are none of this plane's.
  for (const path of ['/device', '/invitations/accept', '/forgot-password']) {
    expect((await admin('GET', path)).status, path).toBe(404);
  }
  expect((await admin('POST', '/v1/auth/device/code', { body: {} })).status).toBe(404);
  const { body } = await admin('GET', '/v1/operators', { token: operator });
  const { id } = body.operators.find((one: { email: string }) => one.email === email);
  await admin('DELETE', `/v1/operators/${id}`, { token: operator });
});

it('leaves people their own second factors and passkeys, in one process', async () => {
  const { token } = await ground.signUp();
  const body = { password: PEOPLES_PASSWORD };
  const enabled = await ground.call('POST', '/v1/auth/two-factor/enable', { token, body });
  expect(enabled).toMatchObject({ status: 200, body: { totpURI: expect.any(String) } });
  const code = totpCode(enabled.body.totpURI);
  const path = '/v1/auth/two-factor/verify-totp';
  const verified = await ground.call('POST', path, { token, body: { code } });
  expect(verified.status).toBe(200);
  const fresh = verified.headers.get('set-auth-token') ?? token;
  const keys = await ground.call('GET', '/v1/auth/passkey/list-user-passkeys', { token: fresh });
  expect(keys).toMatchObject({ status: 200, body: [] });
});

it('has the tables and columns that the logins expect', async () => {
  const login = createLogin({
    tables: OPERATOR_TABLES,
    ownerId: 'operator',
    basePath: '/v1/auth',
    publicUrl: 'http://localhost',
    cookiePrefix: 'x',
    secret: 'x'.repeat(32),
    database: ground.database.database,
    attempts: ground.identity.attempts,
    mailer: null,
    log: ground.logger,
  });
  const missing = await getMigrations(login.options);
  expect(missing.toBeCreated).toEqual([]);
  expect(missing.toBeAdded).toEqual([]);
});

it('keeps people and operators apart', async () => {
  const person = await ground.signUp();
  expect((await admin('GET', '/v1/orgs', { token: person.token })).status).toBe(401);
  expect((await ground.call('GET', '/v1/me', { token: operator })).status).toBe(401);
  const signUp = await admin('POST', '/v1/auth/sign-up/email', {
    body: { email: 'me@example.com', password: PASSWORD, name: 'Me' },
  });
  expect(signUp.body.error).toBe('sign_up_closed');
  const onPublic = await ground.call('POST', '/v1/enroll', { body: {} });
  expect(onPublic.status).toBe(404);
  const everything = await admin('GET', '/openapi.json');
  for (const [path, methods] of Object.entries<Record<string, { security: unknown[] }>>(
    everything.body.paths,
  )) {
    for (const [method, { security }] of Object.entries(methods)) {
      if (security.length === 0) continue;
      const asked = path.replace(/\{\w+\}/g, newId('org'));
      const answer = await admin(method.toUpperCase(), asked, { token: person.token, body: {} });
      expect({ path, status: answer.status }).toEqual({ path, status: 401 });
    }
  }
});

it('makes an org whose first owner may sign up where sign-up is closed', async () => {
  const email = 'first-owner@example.com';
  const slug = `made-${nextNumber()}`;
  const body = { slug, name: 'Made', owner_email: email };
  const made = await admin('POST', '/v1/orgs', { token: operator, body });
  expect(made.status).toBe(201);
  const again = await admin('POST', '/v1/orgs', { token: operator, body });
  expect(again.body.error).toBe('already_exists');
  const invitation = linkToken(made.body.invitation);
  const signedUp = await ground.call('POST', '/v1/auth/sign-up/email', {
    body: { email, password: PASSWORD, name: 'First', invitation },
  });
  expect(signedUp.status).toBe(200);
  const found = await admin('GET', `/v1/orgs?search=${slug}`, { token: operator });
  expect(found.body.orgs).toMatchObject([{ slug, members: 0 }]);
  const guest = await ground.signUp();
  const invited = await admin('POST', `/v1/orgs/${made.body.org.id}/invitations`, {
    token: operator,
    body: { email: guest.email, role: 'owner' },
  });
  const joined = await ground.call('POST', '/v1/invitations/accept', {
    token: guest.token,
    body: { token: linkToken(invited.body) },
  });
  expect(joined.body).toMatchObject({ slug, role: 'owner' });
});

it('suspends an org and lifts it again, in both logs', async () => {
  const owner = await ground.signUp();
  const org = await ground.createOrg(owner);
  const before = changes;
  const reason = { token: operator, body: { reason: 'spam' } };
  const suspended = await admin('POST', `/v1/orgs/${org.id}/suspend`, reason);
  expect(suspended.body.suspended_at).not.toBeNull();
  expect(changes).toBe(before + 1);
  const denials = await ground.database.database
    .selectFrom('denials')
    .where('id', '=', org.id)
    .select(['kind', 'until'])
    .execute();
  expect(denials).toMatchObject([{ kind: 'org' }]);
  const refused = await ground.call('GET', '/v1/org', { token: owner.token });
  expect(refused.body.error).toBe('org_suspended');
  const listed = await admin('GET', '/v1/orgs?suspended=true', { token: operator });
  expect(listed.body.orgs).toMatchObject([{ id: org.id }]);

  await admin('POST', `/v1/orgs/${org.id}/unsuspend`, { token: operator });
  const events = await ground.call('GET', '/v1/audit', { token: owner.token });
  expect(events.body.events).toMatchObject([
    { action: 'org.unsuspend', actor: { kind: 'operator', label: 'operator' } },
    { action: 'org.suspend', details: { reason: 'spam' } },
    { action: 'org.create' },
  ]);
  const own = await admin('GET', `/v1/audit?target=${org.id}`, { token: operator });
  expect(own.body.events).toHaveLength(2);
  expect(own.body.events[0].actor.label).toMatch(/^operator-/);
  const lines = await admin('GET', '/v1/audit/export', { token: operator });
  const keys = await admin('GET', '/v1/audit/keys');
  const verdict = await verifyAudit(String(lines.body).split('\n'), { keys: keys.body });
  expect(verdict).toMatchObject({ ok: true, org_id: 'platform' });
  const absent = await admin('POST', `/v1/orgs/${newId('org')}/suspend`, reason);
  expect(absent.status).toBe(404);
});

it('shows whom to look at, by what was spent, what failed and what sandboxes tried', async () => {
  const owner = await ground.signUp();
  const [loud, quiet] = [await ground.createOrg(owner), await ground.createOrg(owner)];
  const at = new Date().toISOString();
  const end = (org_id: string, turn: string, error_code: string | null) => ({
    id: newId('event'),
    type: error_code === null ? ('turn.completed' as const) : ('turn.failed' as const),
    org_id,
    project_id: newId('project'),
    session_id: newId('session'),
    data: { turn_id: turn, error_code },
    at,
  });
  const ends = [
    end(loud.id, 'turn_1', 'approval_bypassed'),
    end(loud.id, 'turn_2', 'provider_error'),
    end(loud.id, 'turn_3', null),
    end(quiet.id, 'turn_1', null),
  ];
  for (let twice = 0; twice < 2; twice += 1) {
    await ground.database.database.transaction().execute((tx) => bookTurnEnds(tx, ends));
  }
  const { body } = await admin('GET', '/v1/abuse?days=1', { token: operator });
  expect(body.error_rates).toEqual([
    { org_id: loud.id, slug: loud.slug, suspended: false, turns: 3, failed: 2, rate: 2 / 3 },
  ]);
  expect(body.violations).toMatchObject([{ org_id: loud.id, turns: 1 }]);
  expect(body.top_spenders).toEqual([]);
  await ground.database.database
    .insertInto('usage_daily')
    .values({
      org_id: quiet.id,
      day: at.slice(0, 10),
      project_id: 'p',
      provider: 'p',
      model: 'm',
      principal_id: '',
      end_user: '',
      mode: 'live',
      paid_by: 'platform',
      calls: '2',
      estimated_calls: '0',
      input_tokens: '10',
      cache_read_tokens: '0',
      cache_write_tokens: '0',
      output_tokens: '5',
    })
    .execute();
  const spent = await admin('GET', '/v1/abuse?days=1', { token: operator });
  expect(spent.body.top_spenders).toMatchObject([
    { org_id: quiet.id, calls: 2, input_tokens: 10, output_tokens: 5 },
  ]);
});

it('rotates the keys of session tokens, and hands out links for a new password', async () => {
  const rotated = await admin('POST', '/v1/token_keys/rotate', { token: operator, body: {} });
  expect(rotated.body.kid).toMatch(/./);
  const person = await ground.signUp();
  const reset = await admin('POST', '/v1/people/password_resets', {
    token: operator,
    body: { email: person.email },
  });
  const token = decodeURIComponent(String(reset.body.link).split('#token=')[1] ?? '');
  const newPassword = 'a wholly new password';
  const chosen = await ground.call('POST', '/v1/auth/reset-password', {
    body: { token, newPassword },
  });
  expect(chosen.status).toBe(200);
  expect((await ground.call('GET', '/v1/me', { token: person.token })).status).toBe(401);
  const signedIn = await ground.call('POST', '/v1/auth/sign-in/email', {
    body: { email: person.email, password: newPassword },
  });
  expect(signedIn.status).toBe(200);
  const actions = await admin('GET', '/v1/audit', { token: operator });
  const text = JSON.stringify(actions.body);
  expect(text).toContain('people.reset_password');
  expect(text).not.toContain(token);
});

it('lets an operator bring in another and remove them, but not the last', async () => {
  const made = await admin('POST', '/v1/operators/links', { token: operator });
  const second = await enroll(String(made.body.link).split('#token=')[1] ?? '');
  expect(second.status).toBe(201);
  const { body } = await admin('GET', '/v1/operators', { token: operator });
  expect(body.operators).toHaveLength(2);
  const remove = (id: string) => admin('DELETE', `/v1/operators/${id}`, { token: operator });
  expect((await remove(second.body.id)).status).toBe(204);
  expect((await remove(body.operators[0].id)).body.error).toBe('last_owner');
});

const set = (model: string, input: string, more = {}) => {
  const price = { input, cache_read: '0', cache_write: '0', output: '0' };
  const body = { provider: 'anthropic', model, price, ...more };
  return admin('POST', '/v1/prices', { token: operator, body });
};

it('sets prices beside the built-in ones, each in a book of its own version', async () => {
  const books = createPriceBooks(ground.database.database);
  expect(await books.current()).toBe(BUILT_IN_PRICES);
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const made = await set('claude-opus-5-5', '7');
  expect(made).toMatchObject({ status: 201, body: { seq: 1, model: 'claude-opus-5-5' } });
  const before = await books.version();
  await set('claude-opus-5-5', '9', { effective_from: later });
  await Promise.all(['a', 'b', 'c', 'd'].map((model) => set(model, '1')));

  const book = priceBookWire.parse(await books.current());
  expect(before).toBe(`${BUILT_IN_PRICES.version}+1`);
  expect(book.version).toBe(`${BUILT_IN_PRICES.version}+6`);
  const input = (model: string, at: number) =>
    priceOf(readPriceBook(book), 'anthropic', model, at)?.input;
  expect(input('claude-opus-5-5', Date.now())).toBe(7n);
  expect(input('claude-opus-5-5', Date.parse(later))).toBe(9n);
  expect(input('claude-opus-5-5', Date.now() - 3_600_000)).toBe(4_000_000n);
  expect(input('c', Date.now())).toBe(1n);
  // As the doors are told, by a process that has known no earlier book.
  const fresh = doorsPricesRoute(createPriceBooks(ground.database.database));
  expect(await fresh.handle({} as never)).toEqual(book);

  const { body } = await admin('GET', '/v1/prices', { token: operator });
  expect(body.version).toBe(book.version);
  expect(body.prices.map(({ seq }: { seq: number }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  const actions = await admin('GET', '/v1/audit', { token: operator });
  expect(JSON.stringify(actions.body)).toContain('prices.set');
});

it.each([
  ['a price in the past', { effective_from: '2026-01-01T00:00:00Z' }],
  ['a fraction of a picodollar', { price: { input: '1.5' } }],
  ['a pattern of two stars', { model: '*x*' }],
  ['a provider that no call is booked by', { provider: 'antropic' }],
])('refuses %s', async (_what, more) => {
  const { status, body } = await set('claude-x', '1', more);
  expect(status).toBe(422);
  expect(body.error).toBe('validation_failed');
});

it('never changes nor removes a price that was set', async () => {
  const { database } = ground.database;
  const change = database.updateTable('price_overrides').set({ provider: 'x' }).execute();
  await expect(change).rejects.toThrow('permission denied');
  const removal = database.deleteFrom('price_overrides').execute();
  await expect(removal).rejects.toThrow('permission denied');
});

it('retires a node on the word of an operator alone, and none that was never met', async () => {
  const path = '/v1/nodes/node_unmet/retire';
  expect((await admin('POST', path, { body: {} })).status).toBe(401);
  expect((await admin('GET', '/v1/nodes')).status).toBe(401);
  expect((await admin('POST', path, { token: operator, body: {} })).status).toBe(404);
  const body = { untold: 'forget' };
  expect((await admin('POST', path, { token: operator, body })).status).toBe(422);
  const { database } = ground.database;
  const met = { node_id: 'node_met', epoch: '4', registered_at: new Date() };
  await database.insertInto('doors_epochs').values(met).execute();
  const listed = await admin('GET', '/v1/nodes', { token: operator });
  expect(listed.body).toEqual({
    nodes: [
      {
        node_id: 'node_met',
        configured: false,
        doors_since: expect.stringMatching(/^2/),
        blocks: 0,
        spends_until: null,
      },
    ],
  });
  const retired = await admin('POST', '/v1/nodes/node_met/retire', { token: operator, body: {} });
  expect(retired.body).toEqual({ node_id: 'node_met', blocks: 0 });
  const actions = await admin('GET', '/v1/audit', { token: operator });
  expect(JSON.stringify(actions.body)).toContain('nodes.retire');
});
