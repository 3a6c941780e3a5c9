import { getMigrations } from 'better-auth/db/migration';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PEOPLE_TABLES } from './login-tables.ts';
import { sweepLogins } from './sweep-logins.ts';
import {
  type IdentityGround,
  PASSWORD,
  PUBLIC_URL,
  signIn,
  startIdentity,
} from './testing/identity-ground.ts';
import { SoftwarePasskey } from './testing/software-passkey.ts';
import { nextTotpCode, totpCode } from './testing/totp-code.ts';

let ground: IdentityGround;
beforeAll(async () => {
  ground = await startIdentity();
});
afterAll(() => ground?.close());

it('has the tables and columns that the logins expect', async () => {
  const missing = await getMigrations(ground.identity.login.options);
  expect(missing.toBeCreated).toEqual([]);
  expect(missing.toBeAdded).toEqual([]);
});

it('signs up, in and out, by bearer token', async () => {
  const signedUp = await ground.call('POST', '/v1/auth/sign-up/email', {
    body: { email: 'ada@example.com', password: PASSWORD, name: 'Ada' },
  });
  expect(signedUp.status).toBe(200);
  const person = await signIn(ground, 'ada@example.com');
  expect(person.id).toMatch(/^usr_[0-9a-f]{24}$/);
  const me = await ground.call('GET', '/v1/me', { token: person.token });
  expect(me.status).toBe(200);
  expect(me.body).toMatchObject({ id: person.id, email: 'ada@example.com', orgs: [] });
  expect(me.body.two_factor_enabled).toBe(false);
  await ground.call('POST', '/v1/auth/sign-out', { token: person.token, body: {} });
  expect((await ground.call('GET', '/v1/me', { token: person.token })).status).toBe(401);
});

it('takes TOTP as a second factor, and a backup code once', async () => {
  const person = await ground.signUp();
  const enabled = await ground.call('POST', '/v1/auth/two-factor/enable', {
    token: person.token,
    body: { password: PASSWORD },
  });
  const uri: string = enabled.body.totpURI;
  const confirmed = await ground.call('POST', '/v1/auth/two-factor/verify-totp', {
    token: person.token,
    body: { code: totpCode(uri) },
  });
  expect(confirmed.status).toBe(200);

  const { cookie, answer } = await firstFactor(person.email);
  expect(answer.body).toMatchObject({ twoFactorRedirect: true });
  expect(answer.headers.get('set-auth-token')).toBeNull();
  const wrong = await ground.call('POST', '/v1/auth/two-factor/verify-totp', {
    body: { code: '000000' },
    headers: { cookie },
  });
  expect(wrong.status).toBe(401);
  const right = await ground.call('POST', '/v1/auth/two-factor/verify-totp', {
    body: { code: nextTotpCode(uri) },
    headers: { cookie },
  });
  expect(right.body.token).toBe(right.headers.get('set-auth-token'));
  const me = await ground.call('GET', '/v1/me', { token: right.headers.get('set-auth-token') });
  expect(me.body).toMatchObject({ id: person.id, two_factor_enabled: true });

  const code: string = enabled.body.backupCodes[0];
  for (const status of [200, 401]) {
    const { cookie } = await firstFactor(person.email);
    const used = await ground.call('POST', '/v1/auth/two-factor/verify-backup-code', {
      body: { code },
      headers: { cookie },
    });
    expect(used.status).toBe(status);
  }
});

it('takes a code of an authenticator once, whoever saw it typed, and that which set it up', async () => {
  const person = await ground.signUp();
  const enabled = await ground.call('POST', '/v1/auth/two-factor/enable', {
    token: person.token,
    body: { password: PASSWORD },
  });
  const [setUp, next] = [totpCode(enabled.body.totpURI), nextTotpCode(enabled.body.totpURI)];
  await ground.call('POST', '/v1/auth/two-factor/verify-totp', {
    token: person.token,
    body: { code: setUp },
  });
  const show = async (code: string) => {
    const { cookie } = await firstFactor(person.email);
    const headers = { cookie };
    return ground.call('POST', '/v1/auth/two-factor/verify-totp', { body: { code }, headers });
  };
  const statuses = await Promise.all([show(next), show(next), show(next)]);
  expect(statuses.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  const again = await show(setUp);
  expect(again.headers.get('set-auth-token')).toBeNull();
  expect(again).toMatchObject({ status: 401, body: { reason: 'code_used' } });
  expect(again.body.detail).toContain('Wait for the next one');
});

it('signs in with a passkey, which is bound to its origin and used once per challenge', async () => {
  const person = await ground.signUp();
  const passkey = new SoftwarePasskey('localhost', PUBLIC_URL);
  const offered = await ground.call('GET', '/v1/auth/passkey/generate-register-options', {
    token: person.token,
  });
  expect(offered.body.rp).toMatchObject({ id: 'localhost' });
  const registered = await ground.call('POST', '/v1/auth/passkey/verify-registration', {
    token: person.token,
    body: { response: passkey.register(offered.body.challenge), name: 'laptop' },
    headers: { cookie: cookiesOf(offered.headers) },
  });
  expect(registered.status).toBe(200);

  const options = async () => {
    const asked = await ground.call('GET', '/v1/auth/passkey/generate-authenticate-options');
    return { challenge: asked.body.challenge, cookie: cookiesOf(asked.headers) };
  };
  const show = (response: unknown, cookie: string) =>
    ground.call('POST', '/v1/auth/passkey/verify-authentication', {
      body: { response },
      headers: { cookie },
    });
  const { challenge, cookie } = await options();
  const answer = passkey.signIn(challenge);
  const signedIn = await show(answer, cookie);
  const token = signedIn.headers.get('set-auth-token');
  expect((await ground.call('GET', '/v1/me', { token })).body).toMatchObject({ id: person.id });
  expect((await show(answer, cookie)).status).toBeGreaterThanOrEqual(400);

  const phished = await options();
  const other = await options();
  for (const [bad, cookie] of [
    [passkey.signIn(phished.challenge, 'https://evil.example'), phished.cookie],
    [passkey.signIn(challenge), other.cookie],
  ] as const) {
    const refused = await show(bad, cookie);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.status).toBeLessThan(500);
  }
  const last = await options();
  expect((await show(passkey.signIn(last.challenge), last.cookie)).status).toBe(200);
});

it('refuses a bearer token without its signature, even the true one', async () => {
  const person = await ground.signUp();
  const [bare = ''] = person.token.split('.');
  for (const token of [bare, `${bare}.`, `${bare}.AAAA`, 'x.y', `${person.token}x`]) {
    expect((await ground.call('GET', '/v1/me', { token })).status).toBe(401);
  }
  expect((await ground.call('GET', '/v1/me', { token: person.token })).status).toBe(200);
});

it("lets a page act with a browser's cookie from its own origin only", async () => {
  const person = await ground.signUp();
  const answer = await ground.call('POST', '/v1/auth/sign-in/email', {
    body: { email: person.email, password: PASSWORD },
    headers: { origin: PUBLIC_URL },
  });
  const cookie = cookiesOf(answer.headers);
  const body = { slug: 'by-cookie', name: 'x' };
  const foreign = { cookie, origin: 'https://evil.example' };
  expect((await ground.call('POST', '/v1/orgs', { body, headers: foreign })).status).toBe(403);
  const own = { cookie, origin: PUBLIC_URL };
  expect((await ground.call('POST', '/v1/orgs', { body, headers: own })).status).toBe(201);
  const out = { body: {}, headers: foreign };
  expect((await ground.call('POST', '/v1/auth/sign-out', out)).status).toBe(403);
  expect((await ground.call('GET', '/v1/me', { headers: { cookie } })).status).toBe(200);
});

it('answers a sign-up the same whether or not the address is known', async () => {
  const known = await ground.signUp();
  const shapes = [];
  for (const email of [known.email, 'nobody-yet@example.com']) {
    const body = { email, password: 'another password', name: 'A Person' };
    const { status, body: shown } = await ground.call('POST', '/v1/auth/sign-up/email', { body });
    shapes.push({ status, keys: Object.keys(shown.user).sort(), token: shown.token });
  }
  expect(shapes[0]).toEqual(shapes[1]);
  expect((await signIn(ground, known.email)).id).toBe(known.id);
});

it('serves nothing else of the login library, and no body that is no JSON', async () => {
  const person = await ground.signUp();
  for (const path of ['/delete-user', '/sign-in/social', '/ok', '/reference', '/two-factor/otp']) {
    const answer = await ground.call('POST', `/v1/auth${path}`, { token: person.token, body: {} });
    expect(answer.body).toMatchObject({ status: 404, error: 'not_found' });
  }
  const form = await fetch(`${ground.url}/v1/auth/sign-in/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ email: person.email, password: PASSWORD }),
  });
  expect(form.status).toBe(415);
  const large = await ground.call('POST', '/v1/auth/sign-in/email', {
    body: { email: person.email, password: 'x'.repeat(100_000) },
  });
  expect(large.body.error).toBe('payload_too_large');
});

it('keeps no password, token or code in the database or the log', async () => {
  const person = await ground.signUp();
  const enabled = await ground.call('POST', '/v1/auth/two-factor/enable', {
    token: person.token,
    body: { password: PASSWORD },
  });
  const rows = await ground.database.database
    .selectFrom('person_two_factors' as 'people')
    .selectAll()
    .execute();
  const kept = JSON.stringify(rows) + ground.log.join('\n');
  const secret = new URL(enabled.body.totpURI).searchParams.get('secret') ?? '?';
  for (const text of [PASSWORD, person.token, secret, enabled.body.backupCodes[0]]) {
    expect(kept).not.toContain(text);
  }
});

it('forgets logins that have run out, and only those', async () => {
  const [over, open] = [await ground.signUp(), await ground.signUp()];
  await ground.database.asOwner(
    `update person_logins set expires_at = now() where person_id = '${over.id}'`,
  );
  expect((await ground.call('GET', '/v1/me', { token: over.token })).status).toBe(401);
  await sweepLogins(ground.database.database, PEOPLE_TABLES);
  const left = await ground.database.database
    .selectFrom('person_logins')
    .select('person_id')
    .execute();
  const owners = left.map(({ person_id }) => person_id);
  expect(owners).toContain(open.id);
  expect(owners).not.toContain(over.id);
});

async function firstFactor(email: string) {
  const answer = await ground.call('POST', '/v1/auth/sign-in/email', {
    body: { email, password: PASSWORD },
  });
  return { answer, cookie: cookiesOf(answer.headers) };
}

function cookiesOf(headers: Headers): string {
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}
