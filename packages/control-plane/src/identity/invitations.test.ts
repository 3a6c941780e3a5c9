import { LIMITS } from '@karta/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type IdentityGround, linkToken, startIdentity } from './testing/identity-ground.ts';

let ground: IdentityGround;
beforeAll(async () => {
  ground = await startIdentity();
});
afterAll(() => ground?.close());

async function invite(email: string, role = 'developer') {
  const owner = await ground.signUp();
  const org = await ground.createOrg(owner);
  const made = await ground.call('POST', '/v1/invitations', {
    token: owner.token,
    body: { email, role },
  });
  return { owner, org, made, token: linkToken(made.body) };
}

const accept = (token: string, person: { token: string }) =>
  ground.call('POST', '/v1/invitations/accept', { token: person.token, body: { token } });

it('is a link for one address, shown once, good once', async () => {
  const guest = await ground.signUp();
  const { owner, org, made, token } = await invite(guest.email.toUpperCase());
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ email: guest.email, status: 'pending', emailed: false });
  expect(made.body.link).toMatch(/^http:\/\/localhost:8001\/invitations\/accept#token=[\w-]{43}$/);

  const shown = await ground.call('POST', '/v1/invitations/inspect', { body: { token } });
  expect(shown.body).toMatchObject({ org: { slug: org.slug }, role: 'developer' });
  const stranger = await ground.signUp();
  expect((await accept(token, stranger)).body.error).toBe('forbidden');
  const joined = await accept(token, guest);
  expect(joined.body).toMatchObject({ id: org.id, role: 'developer' });
  expect((await accept(token, guest)).body).toMatchObject({
    status: 410,
    error: 'invitation_void',
  });

  const { body } = await ground.call('GET', '/v1/invitations', { token: owner.token });
  expect(body.invitations).toMatchObject([{ status: 'accepted', email: guest.email }]);
  expect(JSON.stringify(body)).not.toContain(token);
  const rows = await ground.database.database.selectFrom('invitations').selectAll().execute();
  expect(JSON.stringify(rows)).not.toContain(token);
});

it('is used by one of many attempts at once', async () => {
  const guest = await ground.signUp();
  const { token, owner } = await invite(guest.email);
  const answers = await Promise.all(Array.from({ length: 8 }, () => accept(token, guest)));
  const statuses = answers.map(({ status }) => status).sort();
  expect(statuses).toEqual([200, 410, 410, 410, 410, 410, 410, 410]);
  const events = await ground.call('GET', '/v1/audit?action=invitations.accept', {
    token: owner.token,
  });
  expect(events.body.events).toHaveLength(1);
});

it('is refused when it is tampered with, taken back or over', async () => {
  const guest = await ground.signUp();
  const { owner, made, token } = await invite(guest.email);
  const last = token.endsWith('A') ? 'B' : 'A';
  for (const bad of [
    `${token.slice(0, -2)}${last}${last}`,
    'x',
    `${token} `,
    token.toLowerCase(),
  ]) {
    expect((await accept(bad, guest)).body.error).toBe('not_found');
  }
  const revoke = () =>
    ground.call('DELETE', `/v1/invitations/${made.body.id}`, { token: owner.token });
  expect((await revoke()).status).toBe(204);
  expect((await revoke()).body.error).toBe('invitation_void');
  expect((await accept(token, guest)).body.error).toBe('invitation_void');

  const late = await invite(guest.email);
  await ground.database.asOwner(
    `update invitations set expires_at = now() where id = '${late.made.body.id}'`,
  );
  expect((await accept(late.token, guest)).body.error).toBe('invitation_void');
  expect(
    (await ground.call('POST', '/v1/invitations/inspect', { body: { token: late.token } })).status,
  ).toBe(410);
});

it('cannot be taken back by another org', async () => {
  const { made } = await invite('a@example.com');
  const other = await ground.signUp();
  await ground.createOrg(other);
  const answer = await ground.call('DELETE', `/v1/invitations/${made.body.id}`, {
    token: other.token,
  });
  expect(answer.status).toBe(404);
});

it('is not for who is a member already, and not without end', async () => {
  const { owner } = await invite('a@example.com');
  const body = { email: owner.email, role: 'viewer' };
  const again = await ground.call('POST', '/v1/invitations', { token: owner.token, body });
  expect(again.body.error).toBe('already_exists');
  const more = Array.from({ length: LIMITS.pendingInvitations }, (_, index) =>
    ground.call('POST', '/v1/invitations', {
      token: owner.token,
      body: { email: `guest-${index}@example.com`, role: 'viewer' },
    }),
  );
  const statuses = (await Promise.all(more)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(LIMITS.pendingInvitations - 1);
  expect(statuses.filter((status) => status === 429)).toHaveLength(1);
});

it('is made once by a request that is repeated, and its link not shown again', async () => {
  const { owner, org } = await invite('a@example.com');
  const again = () =>
    ground.call('POST', '/v1/invitations', {
      token: owner.token,
      body: { email: 'b@example.com', role: 'viewer' },
      headers: { 'idempotency-key': 'same' },
    });
  const [first, second] = [await again(), await again()];
  expect(first.status).toBe(201);
  expect(second.body).toMatchObject({ error: 'already_created', id: first.body.id });
  const orgs = await Promise.all(
    [1, 2].map(() =>
      ground.call('POST', '/v1/orgs', {
        token: owner.token,
        body: { slug: `${org.slug}-b`, name: 'B' },
        headers: { 'idempotency-key': 'same' },
      }),
    ),
  );
  expect(orgs[0]?.body).toMatchObject({ slug: `${org.slug}-b` });
  expect(orgs[1]?.body).toEqual(orgs[0]?.body);
});
