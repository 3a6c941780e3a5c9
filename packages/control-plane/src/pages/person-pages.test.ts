import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type IdentityGround,
  nextNumber,
  PASSWORD,
  PUBLIC_URL,
  type SignedIn,
  startIdentity,
} from '../identity/testing/identity-ground.ts';
import { nextTotpCode, totpCode } from '../identity/testing/totp-code.ts';
import { Browser, type ShownPage } from './testing/browser.ts';

let ground: IdentityGround;
let owner: SignedIn;
beforeAll(async () => {
  ground = await startIdentity();
  owner = await ground.signUp();
  await ground.createOrg(owner);
});
afterAll(() => ground?.close());

const browser = () => new Browser(ground.url, PUBLIC_URL);

async function signedIn(email: string): Promise<Browser> {
  const one = browser();
  const page = await one.send(await one.get('/sign-in'), 'Sign in', { email, password: PASSWORD });
  expect(page.title).toBe('You are signed in');
  return one;
}

/** The link that a colleague is given. */
async function invited(email: string): Promise<string> {
  const { body } = await ground.call('POST', '/v1/invitations', {
    token: owner.token,
    body: { email, role: 'developer' },
  });
  return body.link;
}

describe('signing in', () => {
  it('takes a password, says what was wrong with another, and ends', async () => {
    const { email } = await ground.signUp();
    const one = browser();
    const wrong = await one.send(await one.get('/sign-in'), 'Sign in', { email, password: 'no' });
    expect(wrong).toMatchObject({ status: 401, title: 'Sign in' });
    expect(wrong.forms[0]?.fields).toMatchObject({ email, password: '' });
    const page = await one.send(wrong, 'Sign in', { email, password: PASSWORD });
    expect(page.text).toContain(`As ${email}`);
    expect((await one.send(page, 'Sign out')).title).toBe('Sign in');
    expect((await one.get('/sign-in')).title).toBe('Sign in');
  });

  it('sets a second factor up and asks for it from then on', async () => {
    const { email } = await ground.signUp();
    const one = await signedIn(email);
    const begin = await one.get('/second-factor');
    expect((await one.send(begin, 'Go on', { password: 'wrong' })).status).toBe(422);
    const scan = await one.send(begin, 'Go on', { password: PASSWORD });
    expect(scan.html).toContain('<svg');
    const secret = /type this in: (\S+)/.exec(scan.text)?.[1] ?? '';
    const uri = `otpauth://totp/x?secret=${secret}`;
    const done = await one.send(scan, 'Finish', { code: totpCode(uri) });
    expect(done.title).toBe('Your second factor is set up');

    const other = browser();
    const typed = { email, password: PASSWORD };
    const asks = await other.send(await other.get('/sign-in'), 'Sign in', typed);
    expect(asks.title).toBe('Your second factor');
    expect((await other.get('/device')).title).toBe('Sign in');
    const wrong = await other.send(asks, 'Go on', { code: '000000' });
    expect(wrong).toMatchObject({ status: 401, title: 'Your second factor' });
    const page = await other.send(wrong, 'Go on', { code: nextTotpCode(uri) });
    expect(page.title).toBe('You are signed in');
  });

  it('counts wrong passwords as everywhere', async () => {
    const { email } = await ground.signUp();
    const one = browser();
    const page = await one.get('/sign-in');
    let last: ShownPage | undefined;
    for (let tries = 0; tries <= 10; tries += 1) {
      last = await one.send(page, 'Sign in', { email, password: 'guess' });
    }
    expect(last?.status).toBe(429);
    expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('an invitation', () => {
  const open = async (one: Browser, link: string) => {
    expect(link).toContain('/invitations/accept#token=');
    // Without scripts the link is pasted.
    return one.send(await one.get('/invitations/accept'), 'Open it', { token: link });
  };

  it('makes an account and a member in one step', async () => {
    const email = `new-${nextNumber()}@example.com`;
    const link = await invited(email);
    const one = browser();
    const offer = await open(one, link);
    expect(offer.text).toContain(`${email} is invited to An Org as developer`);
    const short = { name: 'New', password: 'short' };
    const refused = await one.send(offer, 'Make an account and join', short);
    expect(refused.status).toBe(422);
    const again = await one.send(refused, 'Open the invitation again');
    const typed = { name: 'New', password: PASSWORD };
    const joined = await one.send(again, 'Make an account and join', typed);
    expect(joined.title).toBe('You are in An Org');
    expect((await one.get('/sign-in')).text).toContain(email);
    expect((await open(browser(), link)).status).toBe(410);
  });

  it('lets somebody sign in and join, and joins whoever is signed in', async () => {
    const person = await ground.signUp();
    const one = browser();
    const offer = await open(one, await invited(person.email));
    const wrong = await one.send(offer, 'Sign in and join', { password: 'no' });
    expect(wrong).toMatchObject({ status: 401, title: 'Sign in' });
    const joined = await one.send(wrong, 'Sign in', { password: PASSWORD });
    expect(joined.title).toBe('You are in An Org');

    const other = await ground.signUp();
    const theirs = await signedIn(other.email);
    const third = await ground.signUp();
    const foreign = await open(theirs, await invited(third.email));
    expect(foreign.text).toContain(`the invitation is for ${third.email}`);
    const own = await open(theirs, await invited(other.email));
    expect((await theirs.send(own, 'Join')).title).toBe('You are in An Org');
  });

  it('that does not exist is told as such', async () => {
    expect((await open(browser(), '/invitations/accept#token=nonsense')).status).toBe(404);
  });
});

it('a link changes a lost password, once', async () => {
  const { email, id } = await ground.signUp();
  const { internalAdapter } = await ground.identity.login.$context;
  await internalAdapter.createVerificationValue({
    identifier: 'reset-password:lost',
    value: id,
    expiresAt: new Date(Date.now() + 60_000),
  });
  const one = browser();
  const page = await one.get('/reset-password');
  const short = await one.send(page, 'Change it', { token: '#token=lost', password: 'short' });
  expect(short).toMatchObject({ status: 422, title: 'Choose a new password' });
  expect(short.forms[0]?.fields.token).toBe('lost');
  const password = 'a password with a space ';
  expect((await one.send(short, 'Change it', { password })).status).toBe(200);
  expect((await one.send(short, 'Change it', { password })).status).toBe(422);
  const login = await one.send(await one.get('/sign-in'), 'Sign in', { email, password });
  expect(login.title).toBe('You are signed in');
  expect((await one.get('/forgot-password')).text).toContain('sends no mail');
});

describe('a program that signs in', () => {
  const client = { client_id: 'karta-cli' };
  const ask = async () =>
    (await ground.call('POST', '/v1/auth/device/code', { body: client })).body;
  const poll = (device: { device_code: string }) =>
    ground.call('POST', '/v1/auth/device/token', {
      body: {
        ...client,
        device_code: device.device_code,
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      },
    });

  it('is let in by whoever signs in at its address and says so', async () => {
    const { email } = await ground.signUp();
    const device = await ask();
    expect(device.verification_uri).toBe(`${PUBLIC_URL}/device`);
    expect((await poll(device)).body).toMatchObject({ reason: 'authorization_pending' });
    // Whether the next one is too soon depends on how long this one took.
    expect((await poll(device)).body.reason).toMatch(/^(slow_down|authorization_pending)$/);
    const one = browser();
    const login = await one.get(`/device?user_code=${device.user_code}`);
    const question = await one.send(login, 'Sign in', { email, password: PASSWORD });
    expect(question.title).toBe('Let a program act as you?');
    expect(question.text).toContain(device.user_code);

    // Whoever else knows the code can neither answer it nor see whose it is.
    const stranger = await signedIn((await ground.signUp()).email);
    const theirs = await stranger.get(`/device?user_code=${device.user_code}`);
    expect(theirs.title).toBe('This was answered already');
    const body = { user_code: device.user_code, answer: 'approve' };
    expect((await stranger.post('/device', body)).status).toBe(403);

    expect((await one.send(question, 'Let it sign in')).title).toBe('The program is signed in');
    await expect
      .poll(() => poll(device), { timeout: 20_000, interval: 1100 })
      .toMatchObject({ status: 200 });
  });

  it('gets a login like any other, once', async () => {
    const { email } = await ground.signUp();
    const device = await ask();
    const one = await signedIn(email);
    const code = await one.send(await one.get('/device'), 'Go on', {
      user_code: device.user_code.toLowerCase(),
    });
    await one.send(code, 'Let it sign in');
    const answer = await poll(device);
    const token = answer.headers.get('set-auth-token');
    expect((await ground.call('GET', '/v1/me', { token })).body).toMatchObject({ email });
    expect((await poll(device)).body).toMatchObject({ reason: 'invalid_grant' });
  });

  it('is refused, and an unknown one is too', async () => {
    const device = await ask();
    const one = await signedIn((await ground.signUp()).email);
    const question = await one.get(`/device?user_code=${device.user_code}`);
    await one.send(question, 'Refuse');
    expect((await poll(device)).body).toMatchObject({ reason: 'access_denied' });
    expect((await one.get('/device?user_code=WRONG')).status).toBe(422);
    const other = { client_id: 'somebody' };
    expect((await ground.call('POST', '/v1/auth/device/code', { body: other })).status).toBe(422);
  });
});

describe('every page', () => {
  const PAGES = [
    '/sign-in',
    '/invitations/accept',
    '/reset-password',
    '/forgot-password',
    '/device',
    '/second-factor',
  ];

  it('runs and loads nothing but what it says, and is framed and kept by nobody', async () => {
    const one = browser();
    for (const path of PAGES) {
      const { headers, html, status } = await one.get(path);
      expect(status, path).toBe(200);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("form-action 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('referrer-policy')).toBe('same-origin');
      expect(html).not.toMatch(/ (on\w+|style|src|href="http)=/);
      for (const [, tag, inner = ''] of html.matchAll(/<(style|script)>(.*?)<\/\1>/gs)) {
        const hash = createHash('sha256').update(inner).digest('base64');
        expect(policy, tag).toContain(`'sha256-${hash}'`);
      }
    }
  });

  it('takes forms from its own origin only', async () => {
    const { email } = await ground.signUp();
    const fields = { email, password: PASSWORD };
    for (const origin of ['https://evil.example', 'null', ground.url]) {
      const answer = await browser().post('/sign-in', fields, { origin });
      expect(answer.status, origin).toBe(403);
    }
    expect((await browser().post('/sign-in', fields, {})).status).toBe(403);
    expect((await browser().post('/sign-in', fields)).status).toBe(200);
  });

  it('shows what was typed as text', async () => {
    const email = '"><script>alert(1)</script>@example.com';
    const one = browser();
    const page = await one.send(await one.get('/sign-in'), 'Sign in', { email, password: 'x' });
    expect(page.html).not.toContain('<script>alert');
    expect(page.forms[0]?.fields.email).toBe(email);
  });

  it('refuses forms that are none, and too large ones', async () => {
    const headers = { origin: PUBLIC_URL, 'content-type': 'application/json' };
    const send = (body: string, type = headers['content-type']) =>
      fetch(`${ground.url}/sign-in`, {
        method: 'POST',
        body,
        headers: { ...headers, 'content-type': type },
      });
    expect((await send('{}')).status).toBe(415);
    const form = 'application/x-www-form-urlencoded';
    expect((await send(`email=${'a'.repeat(20_000)}`, form)).status).toBe(413);
    expect((await send('email=%00&password=x', form)).status).toBe(422);
    expect((await fetch(`${ground.url}/sign-in/nowhere`)).status).toBe(404);
    expect((await fetch(`${ground.url}/sign-in`, { method: 'DELETE' })).status).toBe(404);
  });
});
