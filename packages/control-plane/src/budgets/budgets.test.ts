import {
  type BudgetView,
  budget,
  budgetList,
  budgetUseList,
  leaseAnswer,
  leaseReportAnswer,
  newId,
  orgSpendRules,
  registerDoorsAnswer,
  UNPRICED,
  type UsageEvent,
  validatedCredential,
} from '@karta/protocol';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { type KeysGround, startKeys, type TestOrg } from '../keys/testing/keys-ground.ts';

let ground: KeysGround;
beforeAll(async () => {
  ground = await startKeys();
});
afterAll(() => ground?.close());

const ORG_TOKENS = { scope: 'org', metric: 'total_tokens', limit: 1_000, window: 'month' };

async function create(org: TestOrg, body: object): Promise<BudgetView> {
  const answer = await ground.call('POST', '/v1/budgets', { key: org.apiKey, body });
  expect(answer.status).toBe(201);
  return budget.parse(await answer.json());
}

async function read(org: TestOrg, id: string): Promise<BudgetView> {
  const answer = await ground.call('GET', `/v1/budgets/${id}`, { key: org.apiKey });
  return budget.parse(await answer.json());
}

async function grantOf(org: TestOrg): Promise<string> {
  const json = { credential: org.apiKey };
  const request = { method: 'POST', path: '/v1/internal/credentials/validate', json } as const;
  return (await ground.node.call(request, validatedCredential))?.org_grant ?? '';
}

/** A call of the org. */
function usageOf(org: TestOrg, change: Partial<UsageEvent>): UsageEvent {
  return {
    id: newId('call'),
    org_id: org.id,
    project_id: 'proj_1',
    session_id: 'sess_1',
    turn_id: null,
    principal_id: org.keyId,
    end_user: null,
    api_key_id: org.keyId,
    embed_key_id: null,
    provider: 'demo',
    model: 'demo',
    input_tokens: 0,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 0,
    estimated: false,
    paid_by: 'platform',
    mode: 'live',
    spend: UNPRICED,
    at: new Date().toISOString(),
    ...change,
  };
}

/** Books a call of the org as its node tells it. */
async function book(org: TestOrg, change: Partial<UsageEvent>): Promise<void> {
  const event = usageOf(org, change);
  const grants = { [org.id]: await grantOf(org) };
  const json = { node_id: 'node_x', grants, usage: [event], lifecycle: [] };
  const answer = await ground.node.fetch({ method: 'POST', path: '/v1/internal/events', json });
  expect(await answer.json()).toMatchObject({ refused: [] });
}

/** Types and percents of the webhooks that the org was told by, oldest first. */
async function told(org: TestOrg): Promise<unknown[]> {
  const rows = await ground.database.database
    .selectFrom('webhook_events')
    .select(['type', 'body', 'created_at'])
    .where('org_id', '=', org.id)
    .execute();
  // Those of one moment have no order.
  return rows
    .filter(({ type }) => type.startsWith('budget.'))
    .map((row) => ({ ...row, percent: Number(JSON.parse(row.body).data.percent ?? 100) }))
    .sort((a, b) => a.created_at.getTime() - b.created_at.getTime() || a.percent - b.percent)
    .map(({ type, percent }) => [type, percent]);
}

/** Doors that start under this number ask for output of the org; what they are leased, if anything. */
async function asking(org: TestOrg, start: number) {
  const grant = await grantOf(org);
  const call = <T>(path: string, json: object, schema: z.ZodType<T>) => {
    const request = { method: 'POST', path: `/v1/internal/doors/${path}`, json, grant } as const;
    return ground.doors.call(request, schema);
  };
  const registered = await call('register', { epoch: start }, registerDoorsAnswer);
  const of = { project_id: 'proj_1', session_id: 'sess_1', api_key_id: org.keyId };
  const subject = { org_id: org.id, ...of, embed_key_id: null, end_user: null };
  const amounts = (output: number) => ({
    ...{ input_tokens: '0', output_tokens: String(output), cost: '0' },
  });
  return async (minimum: number, needed = minimum) => {
    const asked = { minimum: amounts(minimum), wanted: amounts(minimum), needed: amounts(needed) };
    const body = { epoch: registered?.epoch, subject, ...asked };
    const leased = await call('leases', body, leaseAnswer);
    return leased?.budgets[0]?.lease?.amount ?? null;
  };
}

async function listening(): Promise<TestOrg> {
  const org = await ground.org();
  await ground.database.asOwner(`
    insert into webhook_endpoints (id, org_id, url, description, ordered, secret, enabled,
      created_at, updated_at)
    values ('${newId('webhook')}', '${org.id}', 'https://h.example', '', false, '{}', true,
      now(), now())`);
  return org;
}

describe('a budget', () => {
  it('tells what was spent, is reserved and left, and when it resets', async () => {
    const org = await ground.org();
    await book(org, { input_tokens: 60, output_tokens: 40 });
    const made = await create(org, ORG_TOKENS);
    expect(made).toMatchObject({
      scope: 'org',
      scope_id: org.id,
      limit: '1000',
      usage: { spent: '100', reserved: '0', left: '900', thresholds: [] },
    });
    const { window_start: start, resets_at: end } = made.usage ?? {};
    const now = new Date();
    const month = (ahead: number) =>
      new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1)).getTime();
    expect(Date.parse(start ?? '')).toBe(month(0));
    expect(Date.parse(end ?? '')).toBe(month(1));
    const grant = await grantOf(org);
    const ask = async <T>(path: string, json: object, schema: z.ZodType<T>): Promise<T> => {
      const request = { method: 'POST', path: `/v1/internal/doors/${path}`, json, grant } as const;
      return schema.parse(await ground.doors.call(request, schema));
    };
    const rules = await ask('org', { org_id: org.id }, orgSpendRules);
    expect(rules).toMatchObject({ capped: true, unknown_model: 'refuse', own_keys: [] });
    const { epoch } = await ask('register', { epoch: 3 }, registerDoorsAnswer);
    expect(epoch).toBe(3);
    const subject = {
      org_id: org.id,
      project_id: 'proj_1',
      session_id: 'sess_1',
      api_key_id: org.keyId,
      embed_key_id: null,
      end_user: null,
    };
    const amounts = { input_tokens: '100', output_tokens: '50', cost: '7' };
    const lease = { epoch, subject, minimum: amounts, wanted: amounts };
    const leased = await ask('leases', lease, leaseAnswer);
    expect(leased.budgets).toMatchObject([{ budget_id: made.id, lease: { amount: '150' } }]);
    expect((await read(org, made.id)).usage).toMatchObject({
      spent: '100',
      reserved: '150',
      left: '750',
    });
  });

  it('of an org that is deleted during a turn books what ran, and leases nothing any more', async () => {
    const org = await ground.org();
    const made = await create(org, ORG_TOKENS);
    const grant = await grantOf(org);
    const call = <T>(path: string, json: object, schema: z.ZodType<T>) => {
      const request = { method: 'POST', path: `/v1/internal/doors/${path}`, json, grant } as const;
      return ground.doors.call(request, schema);
    };
    // Whoever starts the doors has had other starts.
    const { epoch } = (await call('register', { epoch: 9 }, registerDoorsAnswer)) ?? { epoch: 0 };
    const of = { project_id: 'proj_1', session_id: 'sess_1', api_key_id: org.keyId };
    const subject = { org_id: org.id, ...of, embed_key_id: null, end_user: null };
    const amounts = { input_tokens: '100', output_tokens: '50', cost: '7' };
    const lease = { epoch, subject, minimum: amounts, wanted: amounts };
    const leased = await call('leases', lease, leaseAnswer);
    const leaseId = leased?.budgets[0]?.lease?.lease_id ?? '';
    const suspendedAt = (value: string) =>
      ground.database.asOwner(`update orgs set suspended_at = ${value} where id = '${org.id}'`);
    await suspendedAt('now()');
    expect(await call('leases', lease, leaseAnswer)).toBeNull();
    await suspendedAt('null');
    await ground.database.asOwner(`update orgs set deleted_at = now() where id = '${org.id}'`);
    expect(await call('leases', lease, leaseAnswer)).toBeNull();
    expect(await call('org', { org_id: org.id }, orgSpendRules)).toBeNull();
    // The call that ran is told as ever, and the rest of its block returns.
    const charges = [
      {
        lease_id: leaseId,
        budget_id: made.id,
        window_start: leased?.budgets[0]?.window_start ?? '',
        amount: '60',
      },
    ];
    const grants = { [org.id]: grant };
    const event = usageOf(org, {
      input_tokens: 40,
      output_tokens: 20,
      spend: { ...UNPRICED, charges },
    });
    const json = { node_id: 'node_x', grants, usage: [event], lifecycle: [] };
    const answer = await ground.node.fetch({ method: 'POST', path: '/v1/internal/events', json });
    expect(await answer.json()).toMatchObject({ refused: [] });
    const report = { epoch, leases: [{ lease_id: leaseId, taken: '60', closed: true }] };
    expect(await call('leases/report', report, leaseReportAnswer)).toMatchObject({ unknown: [] });
    const { rows } = await sql<{ spent: string }>`
      select spent::text from budget_windows where budget_id = ${made.id}`.execute(
      ground.database.database,
    );
    expect(rows).toEqual([{ spent: '60' }]);
  });

  it('on each object tells who used most of it', async () => {
    const org = await ground.org();
    const made = await create(org, {
      scope: 'end_user',
      metric: 'cost',
      limit: { amount: '5000000000000', unit: 'picousd' },
      window: 'total',
    });
    expect(made.usage).toBeNull();
    const spend = (cost: string) => ({ spend: { ...UNPRICED, cost } });
    await book(org, { end_user: 'ann', ...spend('4000000000001') });
    await book(org, { end_user: 'bob', ...spend('1') });
    await book(org, spend('77'));
    const uses = async (query: string) => {
      const path = `/v1/budgets/${made.id}/usage${query}`;
      const answer = await ground.call('GET', path, { key: org.apiKey });
      return budgetUseList.parse(await answer.json()).usage;
    };
    const ann = {
      scope_id: 'ann',
      window_start: null,
      resets_at: null,
      spent: { amount: '4000000000001', unit: 'picousd' },
      reserved: { amount: '0', unit: 'picousd' },
      left: { amount: '999999999999', unit: 'picousd' },
      thresholds: [50, 80],
    };
    expect(await uses('')).toMatchObject([ann, { scope_id: 'bob', thresholds: [] }]);
    expect(await uses('?limit=1')).toEqual([ann]);
    expect(await uses('?scope_id=eve')).toMatchObject([
      { scope_id: 'eve', spent: { amount: '0' }, left: { amount: '5000000000000' } },
    ]);
  });

  it('is raised and lowered at once, and tells each threshold once in its window', async () => {
    const org = await listening();
    const made = await create(org, { ...ORG_TOKENS, limit: '100' });
    await book(org, { output_tokens: 49 });
    expect(await told(org)).toEqual([]);
    await book(org, { output_tokens: 1 });
    await book(org, { output_tokens: 1 });
    expect(await told(org)).toEqual([['budget.threshold', 50]]);
    await book(org, { output_tokens: 60 });
    expect(await told(org)).toEqual([
      ['budget.threshold', 50],
      ['budget.threshold', 80],
      ['budget.exhausted', 100],
    ]);
    const patch = async (limit: unknown) => {
      const options = { key: org.apiKey, body: { limit } };
      const answer = await ground.call('PATCH', `/v1/budgets/${made.id}`, options);
      return budget.parse(await answer.json()).usage;
    };
    expect(await patch(1_000)).toMatchObject({ spent: '111', left: '889', thresholds: [] });
    await book(org, { output_tokens: 400 });
    expect(await told(org)).toHaveLength(4);
    // Below what is spent: taken, and nothing is left from now on.
    expect(await patch('5')).toMatchObject({ spent: '511', left: '0', thresholds: [50, 80, 100] });
    await book(org, { output_tokens: 1 });
    expect((await told(org)).at(-1)).toEqual(['budget.exhausted', 100]);
  });

  it('tells what is reached after a call was refused with some of it left', async () => {
    const org = await listening();
    await create(org, { ...ORG_TOKENS, limit: '100' });
    await book(org, { output_tokens: 30 });
    const ask = await asking(org, 90);
    for (const _ of [1, 2]) {
      expect(await ask(90)).toBeNull();
      expect(await told(org)).toEqual([['budget.exhausted', 100]]);
    }
    await book(org, { output_tokens: 25 });
    expect(await told(org)).toEqual([
      ['budget.exhausted', 100],
      ['budget.threshold', 50],
    ]);
    await book(org, { output_tokens: 50 });
    expect((await told(org)).slice(2)).toEqual([['budget.threshold', 80]]);
  });

  it('tells that it is exhausted where the node that is refused holds what is left', async () => {
    const org = await listening();
    await create(org, { ...ORG_TOKENS, limit: '100' });
    await book(org, { output_tokens: 30 });
    const ask = await asking(org, 95);
    expect(await ask(60)).toBe('60');
    // It may come back: 70 are not spent.
    expect(await ask(11, 70)).toBeNull();
    expect(await told(org)).toEqual([]);
    expect(await ask(11, 71)).toBeNull();
    expect(await told(org)).toEqual([['budget.exhausted', 100]]);
  });

  it('is listed, removed, and of another org not there', async () => {
    const org = await ground.org();
    const other = await ground.org();
    const first = await create(org, ORG_TOKENS);
    const second = await create(org, { ...ORG_TOKENS, window: 'day' });
    const list = async () => {
      const answer = await ground.call('GET', '/v1/budgets?limit=1', { key: org.apiKey });
      return budgetList.parse(await answer.json());
    };
    const page = await list();
    expect(page.budgets.map(({ id }) => id)).toEqual([second.id]);
    expect(page.next_cursor).not.toBeNull();
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['GET', '/usage', undefined],
      ['PATCH', '', { limit: 1 }],
      ['DELETE', '', undefined],
    ] as const) {
      const options = { key: other.apiKey, ...(body && { body }) };
      const answer = await ground.call(method, `/v1/budgets/${first.id}${path}`, options);
      expect(answer.status).toBe(404);
    }
    const nul = await ground.call('GET', '/v1/budgets/bud_%00', { key: org.apiKey });
    expect(nul.status).toBe(404);
    for (const { id } of [first, second]) {
      const answer = await ground.call('DELETE', `/v1/budgets/${id}`, { key: org.apiKey });
      expect(answer.status).toBe(204);
    }
    expect((await list()).budgets).toEqual([]);
  });

  it('is on objects that the org has', async () => {
    const org = await ground.org();
    const other = await ground.org();
    const projectId = await ground.project(org, 'shop');
    const at = (scope: string, scope_id: string) => ({ ...ORG_TOKENS, scope, scope_id });
    expect((await create(org, at('project', 'shop'))).scope_id).toBe(projectId);
    expect((await create(org, at('project', projectId))).scope_id).toBe(projectId);
    expect((await create(org, at('api_key', org.keyId))).scope_id).toBe(org.keyId);
    for (const [scope, id] of [
      ['project', 'shoes'],
      ['api_key', other.keyId],
      ['embed_key', newId('embed_key')],
    ] as const) {
      const answer = await ground.call('POST', '/v1/budgets', {
        key: org.apiKey,
        body: at(scope, id),
      });
      expect(answer.status).toBe(422);
      expect(await answer.json()).toMatchObject({ errors: [{ pointer: '/scope_id' }] });
    }
  });

  it('belongs to an embed key that is made with one', async () => {
    const org = await ground.org();
    await ground.project(org, 'shop');
    const body = {
      name: 'page',
      allowed_origins: ['https://shop.example'],
      budget: { limit: { amount: '1000000000000', unit: 'picousd' } },
    };
    const answer = await ground.call('POST', '/v1/projects/shop/embed_keys', {
      key: org.apiKey,
      body,
    });
    expect(answer.status).toBe(201);
    const { id } = (await answer.json()) as { id: string };
    const list = await ground.call('GET', '/v1/budgets', { key: org.apiKey });
    expect(budgetList.parse(await list.json()).budgets).toMatchObject([
      { scope: 'embed_key', scope_id: id, metric: 'cost', window: 'month' },
    ]);
  });

  const money = (amount: string) => ({ amount, unit: 'picousd' });
  it.each([
    [{ ...ORG_TOKENS, limit: -1 }, '/limit', 'must not be negative'],
    [{ ...ORG_TOKENS, limit: '-1' }, '/limit', 'whole number'],
    [{ ...ORG_TOKENS, limit: 1.5 }, '/limit', 'whole number'],
    [{ ...ORG_TOKENS, limit: '1e6' }, '/limit', 'whole number'],
    [{ ...ORG_TOKENS, limit: 2 ** 60 }, '/limit', 'as a string'],
    [{ ...ORG_TOKENS, limit: `1${'0'.repeat(30)}` }, '/limit', 'at most 30 digits'],
    [{ ...ORG_TOKENS, limit: money('5') }, '/limit', 'number of tokens'],
    [{ ...ORG_TOKENS, metric: 'cost', limit: 5 }, '/limit', 'must be money'],
    [{ ...ORG_TOKENS, metric: 'cost', limit: { amount: 5 } }, '/limit', 'number of tokens or'],
    [{ ...ORG_TOKENS, metric: 'cost', limit: money('-5') }, '/limit', 'must not be negative'],
    [{ ...ORG_TOKENS, metric: 'cost', limit: money('0.5') }, '/limit/amount', 'integer'],
    [{ ...ORG_TOKENS, scope_id: 'org_1' }, '/scope_id', 'must be left out'],
    [{ ...ORG_TOKENS, scope: 'session', scope_id: 'x' }, '/scope_id', 'sess_'],
    [{ ...ORG_TOKENS, scope: 'end_user', scope_id: '\ud800' }, '/scope_id', 'Unicode'],
    [{ ...ORG_TOKENS, window: 'week' }, '/window', 'month'],
    [{ ...ORG_TOKENS, surprise: 1 }, '/surprise', ''],
  ])('is refused where it makes no sense: %j', async (body, pointer, message) => {
    const org = await ground.org();
    const answer = await ground.call('POST', '/v1/budgets', { key: org.apiKey, body });
    expect(answer.status).toBe(422);
    const { errors } = (await answer.json()) as { errors: { pointer: string; message: string }[] };
    const found = errors.find((error) => error.pointer === pointer);
    expect(found, JSON.stringify(errors)).toBeDefined();
    expect(found?.message).toContain(message);
    // A mistake is told once.
    expect(errors.filter((error) => error.message === found?.message)).toHaveLength(1);
  });
});

describe('the settings of spending', () => {
  it('are the defaults until they are changed', async () => {
    const org = await ground.org();
    const path = '/v1/spend_settings';
    const before = await ground.call('GET', path, { key: org.apiKey });
    expect(await before.json()).toEqual({ unknown_model: 'refuse' });
    const body = { unknown_model: 'count' };
    expect((await ground.call('PATCH', path, { key: org.apiKey, body })).status).toBe(200);
    const after = await ground.call('GET', path, { key: org.apiKey });
    expect(await after.json()).toEqual(body);
  });
});
