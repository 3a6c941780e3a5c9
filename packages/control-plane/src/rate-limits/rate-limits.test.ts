import {
  auditList,
  LIMITS,
  newId,
  type RateLimitView,
  rateLimit,
  rateLimitList,
} from '@karta/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operator } from '../http/actor.ts';
import { type KeysGround, startKeys, type TestOrg } from '../keys/testing/keys-ground.ts';
import { catalogChanges } from '../sync/catalog-changes.ts';
import { createOperatorRateLimits } from './rate-limits.ts';

let ground: KeysGround;
beforeAll(async () => {
  ground = await startKeys();
});
afterAll(() => ground?.close());

const PATH = '/v1/rate_limits';

const ask = (org: TestOrg, method: string, path: string, body?: object) =>
  ground.call(method, path, { key: org.apiKey, ...(body && { body }) });

async function create(org: TestOrg, body: object): Promise<RateLimitView> {
  const answer = await ask(org, 'POST', PATH, body);
  expect(answer.status).toBe(201);
  return rateLimit.parse(await answer.json());
}

async function list(org: TestOrg): Promise<RateLimitView[]> {
  return rateLimitList.parse(await (await ask(org, 'GET', PATH)).json()).rate_limits;
}

/** What a node is told that has everything up to `since`. */
const told = (since: number | null) =>
  catalogChanges(ground.database.database, since, { tokenKeys: { keys: [] }, nodes: 2 });

function operatorLimits() {
  const { database } = ground.database;
  return createOperatorRateLimits({ database, changed: async () => {} });
}
const operator: Operator = {
  kind: 'operator',
  id: newId('operator'),
  email: 'op@example.com',
  secondFactor: true,
};

describe('a rate limit', () => {
  it('is set, changed and removed; each is in the audit log and told to the nodes', async () => {
    const org = await ground.org();
    const projectId = await ground.project(org, 'shop');
    const { version } = await told(null);
    const made = await create(org, { scope: 'project', scope_id: 'shop', tokens_per_minute: 9e8 });
    expect(made).toMatchObject({
      set_by: 'org',
      scope_id: projectId,
      requests_per_minute: null,
      tokens_per_minute: 9e8,
      concurrent_turns: null,
      created_by: org.keyId,
    });
    const figures = { requests_per_minute: null, tokens_per_minute: 9e8, concurrent_turns: null };
    const rule = { id: made.id, set_by: 'org', scope: 'project', scope_id: projectId };
    const after = await told(version);
    expect(after).toMatchObject({ complete: false, nodes: 2 });
    expect(after.rate_limits).toEqual([{ org_id: org.id, limits: [{ ...rule, ...figures }] }]);

    const patch = { tokens_per_minute: null, requests_per_minute: 60 };
    const changed = await ask(org, 'PATCH', `${PATH}/${made.id}`, patch);
    expect(rateLimit.parse(await changed.json())).toMatchObject(patch);
    expect((await told(after.version)).rate_limits).toMatchObject([{ limits: [patch] }]);
    expect((await told((await told(null)).version)).rate_limits).toEqual([]);

    expect((await ask(org, 'DELETE', `${PATH}/${made.id}`)).status).toBe(204);
    expect(await list(org)).toEqual([]);
    expect((await told(after.version)).rate_limits).toEqual([{ org_id: org.id, limits: [] }]);
    const everything = (await told(null)).rate_limits;
    expect(everything.filter(({ org_id }) => org_id === org.id)).toEqual([]);

    const log = await ask(org, 'GET', `/v1/audit?target=${made.id}`);
    const { events } = auditList.parse(await log.json());
    expect(events.map(({ action, details }) => [action, details])).toEqual([
      ['rate_limits.delete', { scope: 'project', scope_id: projectId, requests_per_minute: 60 }],
      ['rate_limits.update', { previous: figures, requests_per_minute: 60 }],
      ['rate_limits.create', { scope: 'project', scope_id: projectId, tokens_per_minute: 9e8 }],
    ]);
  });

  it('is there once for each object, and as many times as an org may have', async () => {
    const org = await ground.org();
    await create(org, { scope: 'end_user', requests_per_minute: 1 });
    await create(org, { scope: 'end_user', scope_id: 'ann', requests_per_minute: 1 });
    const twice = await ask(org, 'POST', PATH, { scope: 'end_user', concurrent_turns: 3 });
    expect([twice.status, await twice.json()]).toMatchObject([409, { error: 'already_exists' }]);
    await ground.database.asOwner(`
      insert into rate_limits (id, org_id, set_by, scope, scope_id, concurrent_turns, created_by,
        created_at, updated_at)
      select 'rlm_${org.id}' || n, '${org.id}', 'org', 'end_user', 'u' || n, 1, '', now(), now()
      from generate_series(3, ${LIMITS.rateLimitsPerOrg}) n`);
    const more = await ask(org, 'POST', PATH, { scope: 'org', concurrent_turns: 3 });
    expect([more.status, await more.json()]).toMatchObject([
      409,
      { error: 'too_many_rate_limits' },
    ]);
  });

  it('of another org is not there', async () => {
    const [org, other] = [await ground.org(), await ground.org()];
    const { id } = await create(org, { scope: 'org', requests_per_minute: 5 });
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', { requests_per_minute: 6 }],
      ['DELETE', undefined],
    ] as const) {
      expect((await ask(other, method, `${PATH}/${id}`, body)).status).toBe(404);
    }
    expect(await list(org)).toMatchObject([{ scope: 'org', scope_id: org.id }]);
    expect(await list(other)).toEqual([]);
  });

  const WHOLE = 'must be a whole number';
  it.each([
    [{ scope: 'org' }, '', 'at least one of requests_per_minute'],
    [{ scope: 'org', requests_per_minute: null }, '', 'at least one of'],
    [{ scope: 'org', requests_per_minute: 0 }, '/requests_per_minute', 'at least 1'],
    [{ scope: 'org', requests_per_minute: -5 }, '/requests_per_minute', 'at least 1'],
    [{ scope: 'org', requests_per_minute: 1.5 }, '/requests_per_minute', WHOLE],
    [{ scope: 'org', requests_per_minute: '60' }, '/requests_per_minute', WHOLE],
    [{ scope: 'org', requests_per_minute: 1e6 + 1 }, '/requests_per_minute', 'at most 1000000'],
    [{ scope: 'org', tokens_per_minute: 1e30 }, '/tokens_per_minute', WHOLE],
    [{ scope: 'org', tokens_per_minute: 2e9 }, '/tokens_per_minute', 'at most 1000000000'],
    [{ scope: 'org', concurrent_turns: 1e9 }, '/concurrent_turns', 'at most 100000'],
    [{ scope: 'session', requests_per_minute: 1 }, '/scope', 'embed_key'],
    [{ requests_per_minute: 1 }, '/scope', ''],
    [{ scope: 'org', scope_id: 'org_1', requests_per_minute: 1 }, '/scope_id', 'left out'],
    [{ scope: 'project', scope_id: 'shoes', requests_per_minute: 1 }, '/scope_id', 'no project'],
    [{ scope: 'api_key', scope_id: 'key_1', requests_per_minute: 1 }, '/scope_id', 'no API key'],
    [{ scope: 'embed_key', scope_id: 'x', requests_per_minute: 1 }, '/scope_id', 'no embed key'],
    [{ scope: 'end_user', scope_id: '', requests_per_minute: 1 }, '/scope_id', ''],
    [{ scope: 'org', requests_per_hour: 1 }, '/requests_per_hour', ''],
  ])('is refused where it makes no sense: %j', async (body, pointer, message) => {
    const answer = await ask(await ground.org(), 'POST', PATH, body);
    expect(answer.status).toBe(422);
    const { errors } = (await answer.json()) as { errors: { pointer: string; message: string }[] };
    const found = errors.find((error) => error.pointer === pointer);
    expect(found, JSON.stringify(errors)).toBeDefined();
    expect(found?.message).toContain(message);
  });

  it('keeps a figure: what would limit nothing is to be removed', async () => {
    const org = await ground.org();
    const { id } = await create(org, { scope: 'org', requests_per_minute: 5 });
    const answer = await ask(org, 'PATCH', `${PATH}/${id}`, { requests_per_minute: null });
    expect([answer.status, await answer.json()]).toMatchObject([
      422,
      { errors: [{ message: 'would limit nothing any more; remove it instead' }] },
    ]);
    expect(await list(org)).toMatchObject([{ requests_per_minute: 5 }]);
  });
});

describe("an operator's rate limit", () => {
  it('is on every org, or otherwise on one, and is shown to them and out of their reach', async () => {
    const [org, other] = [await ground.org(), await ground.org()];
    const limits = operatorLimits();
    const figures = { requests_per_minute: 600, tokens_per_minute: null, concurrent_turns: null };
    const { version } = await told(null);
    const all = await limits.create(operator, { org_id: null, scope: 'api_key', ...figures });
    const one = await limits.create(operator, { org_id: org.id, scope: 'api_key', ...figures });
    await expect(
      limits.create(operator, { org_id: newId('org'), scope: 'org', ...figures }),
    ).rejects.toMatchObject({ code: 'not_found' });
    expect((await limits.list()).map(({ id }) => id)).toEqual([one.id, all.id]);
    expect(new Set((await told(version)).rate_limits.map(({ org_id }) => org_id))).toEqual(
      new Set([null, org.id]),
    );
    const own = await create(other, { scope: 'api_key', requests_per_minute: 9_000 });
    expect(
      (await list(other)).map(({ id, set_by, created_by }) => [id, set_by, created_by]),
    ).toEqual([
      [own.id, 'org', other.keyId],
      [all.id, 'operator', 'operator'],
    ]);
    for (const { id } of [all, one]) {
      expect((await ask(org, 'DELETE', `${PATH}/${id}`)).status).toBe(404);
    }
    await limits.change(operator, one.id, { requests_per_minute: 6_000 });
    expect(await list(org)).toMatchObject([{ requests_per_minute: 6_000 }, { id: all.id }]);
    const log = await ask(org, 'GET', `/v1/audit?target=${one.id}`);
    const { events } = auditList.parse(await log.json());
    expect(events.map(({ action, actor }) => [action, actor.label])).toEqual([
      ['rate_limits.update', 'operator'],
      ['rate_limits.create', 'operator'],
    ]);
    for (const { id } of [all, one]) await limits.remove(operator, id);
    expect(await limits.list()).toEqual([]);
    await expect(limits.remove(operator, own.id)).rejects.toMatchObject({ code: 'not_found' });
  });
});
