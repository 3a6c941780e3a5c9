import { type AuditEvent, type AuditHead, auditHead, verifyAudit } from '@karta/protocol';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type IdentityGround,
  type SignedIn,
  startIdentity,
} from '../identity/testing/identity-ground.ts';
import { recordAudit } from './record.ts';

let ground: IdentityGround;
beforeAll(async () => {
  ground = await startIdentity();
});
afterAll(() => ground?.close());

async function exported(person: SignedIn, query = ''): Promise<string[]> {
  const answer = await fetch(`${ground.url}/v1/audit/export${query}`, {
    headers: { authorization: `Bearer ${person.token}` },
  });
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
  return (await answer.text()).trimEnd().split('\n');
}

async function keys() {
  return (await ground.call('GET', '/v1/audit/keys')).body;
}

async function listed(person: SignedIn, query = ''): Promise<AuditEvent[]> {
  const { body } = await ground.call('GET', `/v1/audit${query}`, { token: person.token });
  return body.events;
}

it('has what was done, newest first, narrowed and paged', async () => {
  const owner = await ground.signUp();
  const org = await ground.createOrg(owner);
  const member = await ground.join(owner, org, 'viewer');
  await ground.call('PATCH', `/v1/members/${member.id}`, {
    token: owner.token,
    body: { role: 'admin' },
  });
  const events = await listed(owner);
  expect(events.map(({ seq, action }) => [seq, action])).toEqual([
    [4, 'members.update'],
    [3, 'invitations.accept'],
    [2, 'invitations.create'],
    [1, 'org.create'],
  ]);
  expect(events[0]).toMatchObject({
    actor: { kind: 'person', id: owner.id, label: owner.email },
    target: { kind: 'person', id: member.id },
    details: { role: { from: 'viewer', to: 'admin' } },
  });
  expect(await listed(owner, '?action=org.create')).toHaveLength(1);
  expect(await listed(owner, `?actor=${encodeURIComponent(member.email)}`)).toHaveLength(1);
  expect(await listed(owner, `?target=${member.id}`)).toHaveLength(1);
  expect(await listed(owner, '?since=2126-01-01T00:00:00Z')).toHaveLength(0);
  const first = await ground.call('GET', '/v1/audit?limit=3', { token: owner.token });
  expect(first.body.next_cursor).toBe('2');
  expect((await listed(owner, '?limit=3&cursor=2')).map(({ seq }) => seq)).toEqual([1]);
  const bad = await ground.call('GET', '/v1/audit?cursor=x', { token: owner.token });
  expect(bad.status).toBe(422);
});

it('keeps changes of one org in one unbroken chain, however many happen at once', async () => {
  const owner = await ground.signUp();
  const org = await ground.createOrg(owner);
  const renames = Array.from({ length: 40 }, (_, index) =>
    ground.call('PATCH', '/v1/org', { token: owner.token, body: { name: `Name ${index}` } }),
  );
  expect(new Set((await Promise.all(renames)).map(({ status }) => status))).toEqual(new Set([200]));
  const lines = await exported(owner);
  expect(lines).toHaveLength(42);
  expect(await verifyAudit(lines, { keys: await keys() })).toMatchObject({
    ok: true,
    org_id: org.id,
    events: 41,
  });
});

it('is held against an older head, and tells when the owner of the database rewrote it', async () => {
  const owner = await ground.signUp();
  const org = await ground.createOrg(owner);
  await ground.call('PATCH', '/v1/org', { token: owner.token, body: { name: 'Before' } });
  const { body } = await ground.call('GET', '/v1/audit/head', { token: owner.token });
  const against: AuditHead = auditHead.parse(body);
  await ground.call('PATCH', '/v1/org', { token: owner.token, body: { name: 'After' } });
  expect(await verifyAudit(await exported(owner), { keys: await keys(), against })).toMatchObject({
    ok: true,
    events: 3,
  });
  expect(
    await verifyAudit(await exported(owner, '?from=3'), { keys: await keys(), against, from: 3 }),
  ).toMatchObject({ ok: true, from: 3 });

  await ground.database.asOwner(
    `update audit_events set actor_label = 'somebody else' where org_id = '${org.id}' and seq = 2`,
  );
  expect(await verifyAudit(await exported(owner), { keys: await keys(), against })).toMatchObject({
    ok: false,
    seq: 2,
  });
});

it('lets the application only insert and select', async () => {
  for (const statement of [
    sql`update audit_events set action = 'x'`,
    sql`delete from audit_events`,
    sql`truncate audit_events`,
    sql`delete from audit_signed_heads`,
    sql`update audit_keys set x = ''`,
    sql`drop table audit_events`,
    sql`alter table audit_events disable trigger all`,
  ]) {
    await expect(statement.execute(ground.database.database)).rejects.toThrow(
      /permission denied|must be owner/,
    );
  }
});

it('is undone together with the change it tells of', async () => {
  const owner = await ground.signUp();
  const org = await ground.createOrg(owner);
  const actor = { kind: 'person', id: owner.id, orgId: org.id, label: owner.email } as const;
  const undone = ground.database.database.transaction().execute(async (tx) => {
    await recordAudit(tx, { actor, action: 'org.update', target: { kind: 'org', id: org.id } });
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  expect(await listed(owner)).toHaveLength(1);
  expect(await verifyAudit(await exported(owner), { keys: await keys() })).toMatchObject({
    ok: true,
    events: 1,
  });
});

it('signs each chain that has grown, once', async () => {
  const owner = await ground.signUp();
  await ground.createOrg(owner);
  expect(await ground.audit.heads.signAll()).toBeGreaterThan(0);
  expect(await ground.audit.heads.signAll()).toBe(0);
  const { body } = await ground.call('GET', '/v1/audit/heads', { token: owner.token });
  expect(body.heads).toHaveLength(1);
  const against = auditHead.parse(body.heads[0]);
  expect(await verifyAudit(await exported(owner), { keys: await keys(), against })).toMatchObject({
    ok: true,
  });
});

it("shows nobody another org's log", async () => {
  const owner = await ground.signUp();
  const org = await ground.createOrg(owner);
  const stranger = await ground.signUp();
  await ground.createOrg(stranger);
  for (const path of ['/v1/audit', '/v1/audit/export', '/v1/audit/head', '/v1/audit/heads']) {
    const answer = await ground.call('GET', path, { token: stranger.token, org: org.id });
    expect(answer.status).toBe(404);
  }
});
