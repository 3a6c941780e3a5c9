import type { Role } from '@karta/protocol';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignedIn } from '../identity/testing/identity-ground.ts';
import { type PlaneGround, startPlane } from '../process/testing/plane-ground.ts';

let plane: PlaneGround;
let org: string;
let owner: SignedIn;
beforeAll(async () => {
  plane = await startPlane();
  org = await plane.org();
  owner = await member('owner');
});
afterAll(() => plane?.close());

async function member(role: Role): Promise<SignedIn> {
  const person = await plane.signUp();
  await plane.setRole(org, person.id, role);
  return person;
}

const mint = (person: SignedIn, body: object = {}) =>
  plane.call('POST', '/v1/staff_tokens', { token: person.token, body });

/** As a data plane verifies it: with the published keys. */
async function verified(token: string) {
  const { body } = await plane.call('GET', '/v1/jwks.json');
  return jwtVerify(token, createLocalJWKSet(body), {
    algorithms: ['EdDSA'],
    typ: 'karta-staff+jwt',
    issuer: 'karta-control',
    audience: 'karta-data',
  });
}

describe('a staff token', () => {
  it('says who it is for and what they may, for five minutes', async () => {
    const { status, body } = await mint(owner, { scope: 'write' });
    expect(status).toBe(201);
    const { payload } = await verified(body.token);
    expect(payload).toMatchObject({
      org_id: org,
      sub: owner.id,
      scope: 'write',
      mode: 'live',
      jti: body.id,
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
    expect(Date.parse(body.expires_at) / 1000).toBe(payload.exp);
  });

  it('is bounded by the role: who may read may not therefore talk', async () => {
    const viewer = await member('viewer');
    expect((await mint(viewer)).body).toMatchObject({ scope: 'read' });
    expect((await mint(viewer, { scope: 'write' })).status).toBe(403);
    const developer = await member('developer');
    expect((await mint(developer, { scope: 'write' })).status).toBe(201);
    expect((await mint(await member('billing'))).status).toBe(403);
    expect((await mint(owner, { scope: 'admin' })).status).toBe(422);
  });

  it('is for people: keys go to the data plane by themselves', async () => {
    const key = await plane.key(org, 'admin');
    const answer = await plane.call('POST', '/v1/staff_tokens', { token: key, body: {} });
    expect(answer.status).toBe(403);
  });

  it('leaves a row in the audit log, with the session that it is for', async () => {
    const session = `sess_${'a'.repeat(24)}`;
    const { body } = await mint(owner, { session_id: session });
    expect((await verified(body.token)).payload).toMatchObject({ session_id: session });
    const { rows } = await sql<{ details: object; actor_label: string }>`
      select * from audit_events where action = 'staff_tokens.mint' and target_id = ${body.id}
    `.execute(plane.database.database);
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows[0])).toContain(session);
    expect((await mint(owner, { session_id: '../x' })).status).toBe(422);
  });

  it('is refused on every node once the role changed; the next is good again', async () => {
    const person = await member('developer');
    await mint(person);
    const path = `/v1/members/${person.id}`;
    const changed = await plane.call('PATCH', path, {
      token: owner.token,
      body: { role: 'admin' },
    });
    expect(changed.status).toBe(200);
    const { rows } = await sql<{ issued_before: string }>`
      select issued_before from denials where kind = 'staff' and id = ${`${org}/${person.id}`}
    `.execute(plane.database.database);
    const next = await verified((await mint(person, { scope: 'write' })).body.token);
    expect(next.payload.iat).toBeGreaterThanOrEqual(Number(rows[0]?.issued_before));
    await plane.call('DELETE', path, { token: owner.token });
    expect((await mint(person)).status).toBe(404);
  });
});

it('where sessions are is not known before a data plane has told', async () => {
  const answer = await plane.call('GET', '/v1/data_plane', { token: owner.token });
  expect(answer).toMatchObject({ status: 200, body: { url: null } });
});
