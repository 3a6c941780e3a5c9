import { afterAll, beforeAll, expect, it } from 'vitest';
import { type IdentityGround, linkToken, startIdentity } from './testing/identity-ground.ts';

let ground: IdentityGround;
beforeAll(async () => {
  ground = await startIdentity();
});
afterAll(() => ground?.close());

async function startOrg() {
  const owner = await ground.signUp();
  return { owner, org: await ground.createOrg(owner) };
}

it('keeps a slug for good, also when its org is gone', async () => {
  const { owner, org } = await startOrg();
  const again = { token: owner.token, body: { slug: org.slug, name: 'Another' } };
  expect((await ground.call('POST', '/v1/orgs', again)).body.error).toBe('already_exists');
  const wrong = { token: owner.token, body: { confirm: 'something-else' } };
  expect((await ground.call('DELETE', '/v1/org', wrong)).status).toBe(422);
  const right = { token: owner.token, body: { confirm: org.slug } };
  expect((await ground.call('DELETE', '/v1/org', right)).status).toBe(204);
  expect((await ground.call('GET', '/v1/org', { token: owner.token, org: org.id })).status).toBe(
    404,
  );
  expect((await ground.call('GET', '/v1/orgs', { token: owner.token })).body.orgs).toEqual([]);
  expect((await ground.call('POST', '/v1/orgs', again)).body.error).toBe('already_exists');
});

it('takes the org from the header by id or slug, and needs none with just one', async () => {
  const { owner, org } = await startOrg();
  const read = (named?: string) =>
    ground.call('GET', '/v1/org', {
      token: owner.token,
      ...(named === undefined ? {} : { org: named }),
    });
  expect((await read()).body.id).toBe(org.id);
  const second = await ground.createOrg(owner);
  expect((await read()).status).toBe(404);
  for (const named of [second.id, second.slug]) expect((await read(named)).body.id).toBe(second.id);
  const { org: foreign } = await startOrg();
  const absent = await read('org_000000000000000000000000');
  for (const named of [foreign.id, foreign.slug]) {
    const answer = await read(named);
    expect({ ...answer.body, request_id: '' }).toEqual({ ...absent.body, request_id: '' });
  }
});

it('never loses its last owner, also when two owners go at once', async () => {
  const { owner, org } = await startOrg();
  const leave = (token: string) => ground.call('POST', '/v1/org/leave', { token, org: org.id });
  const demote = (token: string, id: string) =>
    ground.call('PATCH', `/v1/members/${id}`, { token, org: org.id, body: { role: 'viewer' } });
  expect((await leave(owner.token)).body.error).toBe('last_owner');
  expect((await demote(owner.token, owner.id)).body.error).toBe('last_owner');
  for (let round = 0; round < 3; round += 1) {
    const second = await ground.join(owner, org, 'owner');
    const [a, b] = await Promise.all([
      demote(owner.token, second.id),
      demote(second.token, owner.id),
    ]);
    const statuses = [a.status, b.status];
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    const { rows } = await owners(org.id);
    expect(rows).toHaveLength(1);
    if (rows[0] !== owner.id) await demoteBack(rows[0] ?? '', owner.id, org.id);
    await ground.call('DELETE', `/v1/members/${second.id}`, { token: owner.token, org: org.id });
  }
});

async function owners(orgId: string) {
  const found = await ground.database.database
    .selectFrom('memberships')
    .where('org_id', '=', orgId)
    .where('role', '=', 'owner')
    .select('person_id')
    .execute();
  return { rows: found.map(({ person_id }) => person_id) };
}

/** The second owner won the race: the first becomes the only owner again. */
async function demoteBack(second: string, first: string, orgId: string) {
  await ground.database.asOwner(
    `update memberships set role = 'owner' where org_id = '${orgId}' and person_id = '${first}';
     update memberships set role = 'viewer' where org_id = '${orgId}' and person_id = '${second}'`,
  );
}

it('lets admins manage everybody but owners', async () => {
  const { owner, org } = await startOrg();
  const admin = await ground.join(owner, org, 'admin');
  const viewer = await ground.join(owner, org, 'viewer');
  const as = (person: { token: string }) => ({ token: person.token, org: org.id });
  const promote = (role: string) =>
    ground.call('PATCH', `/v1/members/${viewer.id}`, { ...as(admin), body: { role } });
  expect((await promote('developer')).status).toBe(200);
  expect((await promote('owner')).body.error).toBe('forbidden');
  const invite = { ...as(admin), body: { email: 'new@example.com', role: 'owner' } };
  expect((await ground.call('POST', '/v1/invitations', invite)).body.error).toBe('forbidden');
  for (const [method, body] of [
    ['DELETE', undefined],
    ['PATCH', { role: 'viewer' }],
  ] as const) {
    const answer = await ground.call(method, `/v1/members/${owner.id}`, { ...as(admin), body });
    expect(answer.body.error).toBe('forbidden');
  }
  expect((await ground.call('DELETE', `/v1/members/${viewer.id}`, as(admin))).status).toBe(204);
  expect((await ground.call('GET', '/v1/org', as(viewer))).status).toBe(404);
});

it('asks for the role anew: a change that races with a removal does one of both', async () => {
  const { owner, org } = await startOrg();
  const admin = await ground.join(owner, org, 'admin');
  const target = await ground.join(owner, org, 'viewer');
  const [removed, changed] = await Promise.all([
    ground.call('DELETE', `/v1/members/${admin.id}`, { token: owner.token, org: org.id }),
    ground.call('PATCH', `/v1/members/${target.id}`, {
      token: admin.token,
      org: org.id,
      body: { role: 'developer' },
    }),
  ]);
  expect(removed.status).toBe(204);
  const { body } = await ground.call('GET', '/v1/members', { token: owner.token, org: org.id });
  const role = body.members.find((one: { person_id: string }) => one.person_id === target.id)?.role;
  expect(role).toBe(changed.status === 200 ? 'developer' : 'viewer');
  const late = await ground.call('PATCH', `/v1/members/${target.id}`, {
    token: admin.token,
    org: org.id,
    body: { role: 'billing' },
  });
  expect(late.status).toBe(404);
});

it('refuses everything of a suspended org, and says so', async () => {
  const { owner, org } = await startOrg();
  const guest = await ground.signUp();
  const invited = await ground.call('POST', '/v1/invitations', {
    token: owner.token,
    body: { email: guest.email, role: 'viewer' },
  });
  await ground.database.asOwner(`update orgs set suspended_at = now() where id = '${org.id}'`);
  const answer = await ground.call('GET', '/v1/org', { token: owner.token });
  expect(answer.body).toMatchObject({ status: 403, error: 'org_suspended' });
  const joined = await ground.call('POST', '/v1/invitations/accept', {
    token: guest.token,
    body: { token: linkToken(invited.body) },
  });
  expect(joined.body.error).toBe('org_suspended');
  const { body } = await ground.call('GET', '/v1/me', { token: owner.token });
  expect(body.orgs[0]).toMatchObject({ id: org.id, role: 'owner' });
  expect(body.orgs[0].suspended_at).not.toBeNull();
});
