import { afterEach, expect, it } from 'vitest';
import { insertInvitation } from './invitation-rows.ts';
import {
  type IdentityGround,
  linkToken,
  PASSWORD,
  signIn,
  startIdentity,
} from './testing/identity-ground.ts';

let ground: IdentityGround;
afterEach(() => ground?.close());

const signUp = (email: string, invitation?: string) =>
  ground.call('POST', '/v1/auth/sign-up/email', {
    body: { email, password: PASSWORD, name: 'New', ...(invitation ? { invitation } : {}) },
  });

/** An org with a first owner, made past the gate. */
async function firstOwner() {
  const { database } = ground.database;
  return database.transaction().execute(async (tx) => {
    const id = 'org_000000000000000000000001';
    await tx
      .insertInto('orgs')
      .values({ id, slug: 'first', name: 'First', created_at: new Date() })
      .execute();
    const body = { email: 'first@example.com', role: 'owner' } as const;
    return insertInvitation(tx, id, body, { label: 'operator', byOperator: true });
  });
}

it('closed: admits whoever an operator invited, and nobody else', async () => {
  ground = await startIdentity({ config: { signup: 'closed' } });
  const { token } = await firstOwner();
  expect((await signUp('first@example.com')).body.error).toBe('sign_up_closed');
  expect((await signUp('other@example.com', token)).body.error).toBe('sign_up_closed');
  expect((await signUp('first@example.com', 'nonsense')).body.error).toBe('not_found');
  expect((await signUp('First@example.com', token)).status).toBe(200);
  const owner = await signIn(ground, 'first@example.com');
  await ground.call('POST', '/v1/invitations/accept', { token: owner.token, body: { token } });
  const invited = await ground.call('POST', '/v1/invitations', {
    token: owner.token,
    body: { email: 'second@example.com', role: 'viewer' },
  });
  const second = linkToken(invited.body);
  expect((await signUp('second@example.com', second)).body.error).toBe('sign_up_closed');
});

it('invite: admits whoever an org invited', async () => {
  ground = await startIdentity({ config: { signup: 'invite' } });
  const { token } = await firstOwner();
  expect((await signUp('first@example.com', token)).status).toBe(200);
  const owner = await signIn(ground, 'first@example.com');
  await ground.call('POST', '/v1/invitations/accept', { token: owner.token, body: { token } });
  const invited = await ground.call('POST', '/v1/invitations', {
    token: owner.token,
    body: { email: 'second@example.com', role: 'viewer' },
  });
  expect((await signUp('second@example.com')).body.error).toBe('sign_up_closed');
  expect((await signUp('second@example.com', linkToken(invited.body))).status).toBe(200);
});
