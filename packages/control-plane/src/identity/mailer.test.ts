import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type IdentityGround, PASSWORD, startIdentity } from './testing/identity-ground.ts';

/** A real mail server: what it was given, by whom it is for. */
const mails: { to: string; text: string }[] = [];
let refusing = false;
const smtp = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  onRcptTo: (_to, _session, done) => done(refusing ? new Error('no such mailbox') : null),
  onData(stream, session, done) {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const text = Buffer.concat(chunks).toString().replaceAll('=\r\n', '').replaceAll('=3D', '=');
      mails.push({ to: session.envelope.rcptTo[0]?.address ?? '', text });
      done();
    });
  },
});

let ground: IdentityGround;
beforeAll(async () => {
  smtp.listen(0, '127.0.0.1');
  await once(smtp.server, 'listening');
  const { port } = smtp.server.address() as AddressInfo;
  const mail = { smtp_url: `smtp://127.0.0.1:${port}`, from: 'karta@example.com' };
  ground = await startIdentity({ config: { mail } });
});
afterAll(async () => {
  await ground?.close();
  await new Promise<void>((resolve) => smtp.close(resolve));
});

function mailTo(address: string, about: RegExp): string {
  return mails.find(({ to, text }) => to === address && about.test(text))?.text ?? '';
}

const signIn = (email: string, password = PASSWORD) =>
  ground.call('POST', '/v1/auth/sign-in/email', { body: { email, password } });

it('lets nobody in who has not confirmed the address', async () => {
  const email = 'ada@example.com';
  const signUp = () =>
    ground.call('POST', '/v1/auth/sign-up/email', {
      body: { email, password: PASSWORD, name: 'Ada' },
    });
  const first = await signUp();
  expect(first.status).toBe(200);
  expect((await signIn(email)).status).toBe(403);
  await expect.poll(() => mailTo(email, /Confirm your address/)).not.toBe('');
  const link = /http:\/\/localhost:8001(\/v1\/auth\/verify-email\?token=\S+)/.exec(
    mailTo(email, /Confirm your address/),
  )?.[1];
  const confirmed = await ground.call('GET', link ?? '');
  expect(confirmed.status).toBe(200);
  expect((await signIn(email)).status).toBe(200);

  const again = await signUp();
  expect(Object.keys(again.body.user).sort()).toEqual(Object.keys(first.body.user).sort());
  await expect.poll(() => mailTo(email, /You have an account already/)).not.toBe('');
});

it('sends a link for a new password, and answers the same for an unknown address', async () => {
  const person = await ground.signUp();
  await ground.database.asOwner(
    `update people set email_verified = true where id = '${person.id}'`,
  );
  const ask = (email: string) =>
    ground.call('POST', '/v1/auth/request-password-reset', { body: { email } });
  const [known, unknown] = [await ask(person.email), await ask('nobody@example.com')];
  expect(known.status).toBe(200);
  expect(unknown.body).toEqual(known.body);
  await expect.poll(() => mailTo(person.email, /A new password/)).not.toBe('');
  expect(mails.some(({ to }) => to === 'nobody@example.com')).toBe(false);
  const token = /#token=(\S+)/.exec(mailTo(person.email, /A new password/))?.[1] ?? '';
  const reset = { body: { token: decodeURIComponent(token), newPassword: 'another password' } };
  expect((await ground.call('POST', '/v1/auth/reset-password', reset)).status).toBe(200);
  expect((await ground.call('POST', '/v1/auth/reset-password', reset)).status).toBe(422);
  expect((await signIn(person.email)).status).toBe(401);
  expect((await signIn(person.email, 'another password')).status).toBe(200);
  expect((await ground.call('GET', '/v1/me', { token: person.token })).status).toBe(401);
});

it('mails an invitation, and shows its link when the mail server refuses', async () => {
  const owner = await ground.signUp();
  await ground.createOrg(owner);
  const invite = (email: string) =>
    ground.call('POST', '/v1/invitations', { token: owner.token, body: { email, role: 'viewer' } });
  const mailed = await invite('guest@example.com');
  expect(mailed.body).toMatchObject({ emailed: true, link: null });
  expect(mailTo('guest@example.com', /Invitation/)).toMatch(/invitations\/accept#token=[\w-]{43}/);
  refusing = true;
  const shown = await invite('other@example.com');
  refusing = false;
  expect(shown.body).toMatchObject({ status: 'pending', emailed: false });
  expect(shown.body.link).toMatch(/#token=/);
  expect(ground.log.join('\n')).toContain('could not be sent');
});
