import { listenHttp } from '@karta/http';
import { newId, UNPRICED, type UsageEvent, usageReport } from '@karta/protocol';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spentBefore } from '../budgets/count-before.ts';
import type { BudgetRow } from '../budgets/tables.ts';
import { createControlApp } from '../http/app.ts';
import { createOrgGrants } from '../internal/org-grant.ts';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { archiveUsage } from './archive-usage.ts';
import { takeEvents } from './event-intake.ts';
import { usageRoutes } from './usage-routes.ts';

const NODE = 'node_a';
const NOW = Date.parse('2026-03-10T12:00:00Z');
const grants = createOrgGrants(Buffer.alloc(32, 7), () => NOW);

let database: TestDatabase;
let server: Awaited<ReturnType<typeof listenHttp>>;

beforeAll(async () => {
  database = await startTestDatabase();
  const log = pino({ level: 'silent' });
  const app = createControlApp({
    routes: usageRoutes(database.database),
    authenticator: {
      actorOf: async (headers) => {
        const [orgId, mode] = headers.get('authorization')?.split(' ') ?? [];
        if (orgId === undefined) return null;
        if (mode === undefined) {
          const org = { id: orgId, role: 'viewer' as const, suspended: false };
          return { kind: 'person', id: 'person_1', email: 'a@b.c', org };
        }
        const key = { kind: 'api_key', id: 'key_1', orgId, scopes: ['read'] } as const;
        return { ...key, mode: mode === 'test' ? mode : 'live' };
      },
    },
    mounts: [],
    webhooks: {},
    log,
    ready: () => true,
  });
  server = await listenHttp(app, { host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await server?.close(0);
  await database?.close();
});

function event(orgId: string, change: Partial<UsageEvent> = {}): UsageEvent {
  return {
    id: newId('call'),
    org_id: orgId,
    project_id: 'proj_1',
    session_id: 'sess_1',
    turn_id: 'turn_1',
    principal_id: 'key_1',
    end_user: null,
    api_key_id: null,
    embed_key_id: null,
    provider: 'anthropic',
    model: 'claude',
    input_tokens: 10,
    cache_read_tokens: 4,
    cache_write_tokens: 1,
    output_tokens: 5,
    estimated: false,
    paid_by: 'platform',
    spend: UNPRICED,
    mode: 'live',
    at: new Date(NOW).toISOString(),
    ...change,
  };
}

function take(usage: UsageEvent[], nodeId = NODE) {
  const parts = { database: database.database, grants, log: { warn: () => {} } };
  const orgs = [...new Set(usage.map(({ org_id }) => org_id))];
  const given = Object.fromEntries(orgs.map((orgId) => [orgId, grants.issue(nodeId, orgId)]));
  return takeEvents(parts, NODE, { grants: given, usage, lifecycle: [] });
}

async function report(orgId: string, query: string, headers: Record<string, string> = {}) {
  const url = `${server.url}/v1/usage?from=2026-03-01&to=2026-03-31&${query}`;
  return fetch(url, { headers: { authorization: orgId, ...headers } });
}

async function rows(orgId: string, query: string) {
  return usageReport.parse(await (await report(orgId, query)).json()).rows;
}

describe('what nodes report', () => {
  it('is counted once, however often it is told, together and apart', async () => {
    const org = newId('org');
    const events = Array.from({ length: 20 }, () => event(org));
    const first = await take([...events.slice(0, 12), ...events.slice(0, 3)]);
    expect(first.accepted).toHaveLength(15);
    await Promise.all([take(events), take([...events].reverse()), take(events.slice(5))]);
    expect(await rows(org, '')).toEqual([
      {
        day: '2026-03-10',
        calls: 20,
        estimated_calls: 0,
        input_tokens: 200,
        cache_read_tokens: 80,
        cache_write_tokens: 20,
        output_tokens: 100,
        total_tokens: 300,
        cost: { amount: '0', unit: 'picousd' },
        unpriced_calls: 20,
      },
    ]);
  });

  it('is believed only of an org and a node that the grant names, and for its time', async () => {
    const [org, other] = [newId('org'), newId('org')];
    const parts = { database: database.database, grants, log: { warn: () => {} } };
    const grant = grants.issue(NODE, org);
    const late = new Date(NOW + 3 * 24 * 60 * 60 * 1000).toISOString();
    const early = new Date(NOW - 60 * 60 * 1000).toISOString();
    const inTurn = new Date(NOW + 60 * 60 * 1000).toISOString();
    const events = [
      event(org, { at: inTurn }),
      event(org, { at: late }),
      event(org, { at: early }),
      event(other),
      event('__proto__'),
    ];
    const [good, ...bad] = events;
    const usage = { usage: events, lifecycle: [] };
    const answer = await takeEvents(parts, NODE, {
      grants: { [org]: grant, [other]: grant },
      ...usage,
    });
    expect(answer.accepted).toEqual([good?.id]);
    expect(answer.refused).toEqual([
      { id: bad[0]?.id, reason: 'outside_grant' },
      { id: bad[1]?.id, reason: 'outside_grant' },
      { id: bad[2]?.id, reason: 'no_grant' },
      { id: bad[3]?.id, reason: 'no_grant' },
    ]);
    const stolen = await takeEvents(parts, 'node_b', { grants: { [org]: grant }, ...usage });
    expect(stolen.accepted).toEqual([]);
    expect(await rows(org, '')).toMatchObject([{ calls: 1 }]);
    expect(await rows(other, '')).toEqual([]);
  });

  it('of another org under the same id changes nothing of this one', async () => {
    const [org, other] = [newId('org'), newId('org')];
    const same = event(org);
    await take([same]);
    await take([{ ...same, org_id: other, input_tokens: 999 }]);
    expect(await rows(org, '')).toMatchObject([{ calls: 1, input_tokens: 10 }]);
    expect(await rows(other, '')).toMatchObject([{ calls: 1, input_tokens: 999 }]);
  });
});

describe('what calls cost', () => {
  const cost = (amount: string) => ({ ...UNPRICED, cost: amount, price_version: '7' });

  it('is summed beyond what a float holds, apart for whoever paid, and told of unpriced calls', async () => {
    const org = newId('org');
    const most = '9007199254740993000001';
    await take([
      event(org, { spend: cost(most) }),
      event(org, { spend: cost('2') }),
      event(org, { spend: { ...cost('5'), own_key_id: 'pkey_1' }, paid_by: 'byok' }),
      event(org, { model: 'unheard-of' }),
    ]);
    expect(await rows(org, 'group_by=paid_by')).toMatchObject([
      { paid_by: 'byok', calls: 1, unpriced_calls: 0, cost: { amount: '5', unit: 'picousd' } },
      {
        paid_by: 'platform',
        calls: 3,
        unpriced_calls: 1,
        cost: { amount: '9007199254740993000003' },
      },
    ]);
  });

  it('is told once with its event, which names the price book', async () => {
    const org = newId('org');
    const spend = { ...cost('12'), cache_write_1h_tokens: 1, reasoning_tokens: 3, exceeded: true };
    const call = event(org, { spend });
    await take([call]);
    await take([call]);
    expect(await rows(org, '')).toMatchObject([{ calls: 1, cost: { amount: '12' } }]);
    const kept = await database.database
      .selectFrom('usage_events')
      .select(['cost', 'price_version', 'own_key_id', 'cache_write_1h_tokens'])
      .select(['reasoning_tokens', 'exceeded'])
      .where('id', '=', call.id)
      .execute();
    expect(kept).toEqual([
      {
        cost: '12',
        price_version: '7',
        own_key_id: null,
        cache_write_1h_tokens: '1',
        reasoning_tokens: '3',
        exceeded: true,
      },
    ]);
  });
});

describe('a report of usage', () => {
  let org: string;
  beforeAll(async () => {
    org = newId('org');
    await take([
      event(org, { model: 'a', end_user: 'ann', at: '2026-03-10T11:59:59.999Z' }),
      event(org, { model: 'a', end_user: '=cmd("x")', estimated: true }),
      event(org, { model: 'b', project_id: 'proj_2', principal_id: null }),
      event(org, { model: 'b', mode: 'test', paid_by: 'byok', provider: 'demo' }),
    ]);
  });

  it('is grouped by what one asks for, in that order', async () => {
    expect(await rows(org, 'group_by=model,project')).toMatchObject([
      { model: 'a', project_id: 'proj_1', calls: 2, estimated_calls: 1 },
      { model: 'b', project_id: 'proj_1', calls: 1 },
      { model: 'b', project_id: 'proj_2', calls: 1 },
    ]);
    expect(await rows(org, 'group_by=key')).toMatchObject([
      { key: null, calls: 1 },
      { key: 'key_1', calls: 3 },
    ]);
    expect(await rows(org, 'group_by=mode,paid_by,provider&mode=test')).toMatchObject([
      { mode: 'test', paid_by: 'byok', provider: 'demo', calls: 1 },
    ]);
    expect(await rows(org, 'group_by=day')).toMatchObject([{ day: '2026-03-10', calls: 4 }]);
    expect(await rows(newId('org'), 'group_by=day')).toEqual([]);
  });

  it('shows a key what keys of its mode spent', async () => {
    expect(await rows(`${org} live`, 'group_by=mode')).toMatchObject([{ mode: 'live', calls: 3 }]);
    expect(await rows(`${org} test`, 'group_by=mode')).toMatchObject([{ mode: 'test', calls: 1 }]);
    expect((await report(`${org} live`, 'mode=test')).status).toBe(403);
  });

  it('comes in pages that leave nothing out', async () => {
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const query = `group_by=model,end_user,project,mode&limit=1${cursor && `&cursor=${cursor}`}`;
      const page = usageReport.parse(await (await report(org, query)).json());
      expect(page.rows).toHaveLength(1);
      seen.push(...page.rows);
      cursor = page.next_cursor ?? '';
    } while (cursor !== '');
    expect(seen).toEqual(await rows(org, 'group_by=model,end_user,project,mode'));
    expect(seen).toHaveLength(4);
  });

  it('comes as CSV, in which nothing is a formula', async () => {
    const answer = await report(org, 'group_by=end_user,model&limit=3', { accept: 'text/csv' });
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(answer.headers.get('content-disposition')).toContain('usage-2026-03-01-2026-03-31.csv');
    expect((await answer.text()).split('\r\n')).toEqual([
      'end_user,model,calls,estimated_calls,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,total_tokens,unpriced_calls,cost_picousd',
      ',b,2,0,20,8,2,10,30,2,0',
      '"\'=cmd(""x"")",a,1,1,10,4,1,5,15,1,0',
      'ann,a,1,0,10,4,1,5,15,1,0',
      '',
    ]);
  });

  it.each([
    'group_by=colour',
    'group_by=day,day',
    'group_by=',
    'limit=0',
    'cursor=bm9uZQ',
    'cursor=WyJhIl0&group_by=day,model',
    'from=2026-02-30',
    'from=2026-04-02',
    'mode=best',
    'surprise=1',
  ])('refuses %s', async (query) => {
    const answer = await fetch(`${server.url}/v1/usage?to=2026-03-31&${query}`, {
      headers: { authorization: org },
    });
    expect(answer.status).toBe(422);
  });
});

describe('calls that are old', () => {
  const HOUR = 60 * 60 * 1000;
  const at = (hours: number) => new Date(NOW + hours * HOUR).toISOString();
  const cap = (orgId: string, change: Partial<BudgetRow> = {}): BudgetRow => ({
    id: newId('budget'),
    org_id: orgId,
    scope: 'org',
    scope_id: null,
    metric: 'total_tokens',
    period: 'total',
    cap: '1000000',
    created_by: 'key_1',
    created_at: new Date(NOW),
    updated_at: new Date(NOW),
    ...change,
  });
  /** What a cap that is made now finds spent, by whom it is about. */
  const foundBy = (budget: BudgetRow) =>
    database.database.transaction().execute(async (tx) => {
      const { rows: found } = await spentBefore(budget).execute(tx);
      return Object.fromEntries(found.map(({ subject, spent }) => [subject, Number(spent)]));
    });
  const held = async (orgId: string) => {
    const found = await database.database
      .selectFrom('usage_events')
      .select('id')
      .where('org_id', '=', orgId)
      .execute();
    return found.map(({ id }) => id).sort();
  };

  it('lose their rows and nothing else: reports, caps made later, and each counted once', async () => {
    const [org, other] = [newId('org'), newId('org')];
    const old = [
      event(org, { at: at(-20), session_id: 'sess_a', end_user: 'ada' }),
      event(org, { at: at(-20), session_id: 'sess_a' }),
      event(org, { at: at(-19), session_id: 'sess_b' }),
      event(org, { at: at(-19), session_id: 'sess_b', mode: 'test' }),
      event(other, { at: at(-18), session_id: 'sess_c' }),
    ];
    const young = [event(org, { at: at(1), session_id: 'sess_a' }), event(other, { at: at(1) })];
    const early = createOrgGrants(Buffer.alloc(32, 7), () => NOW - 20 * HOUR);
    const takeOld = () =>
      takeEvents({ database: database.database, grants, log: { warn: () => {} } }, NODE, {
        grants: { [org]: early.issue(NODE, org), [other]: early.issue(NODE, other) },
        usage: old,
        lifecycle: [],
      });
    expect((await takeOld()).refused).toEqual([]);
    expect((await take(young)).refused).toEqual([]);
    const before = await rows(org, 'group_by=mode');
    const sessions = { scope: 'session' } as const;
    expect(await foundBy(cap(org, sessions))).toEqual({ sess_a: 45, sess_b: 15 });

    const horizon = new Date(NOW - HOUR);
    const done = await Promise.all([
      archiveUsage(database.database, horizon, undefined, 2),
      archiveUsage(database.database, horizon, undefined, 2),
    ]);
    expect(done[0] + done[1]).toBe(old.length);
    expect(await held(org)).toEqual([young[0]?.id]);
    expect(await rows(org, 'group_by=mode')).toEqual(before);
    expect(await foundBy(cap(org, sessions))).toEqual({ sess_a: 45, sess_b: 15 });
    expect(await foundBy(cap(org))).toEqual({ [org]: 60 });
    expect(await foundBy(cap(org, { scope: 'end_user' }))).toEqual({ ada: 15 });
    expect(await foundBy(cap(other, { scope: 'project' }))).toEqual({ proj_1: 30 });

    // An answer was lost, and the node tells of them again: those that are gone are not counted anew.
    const again = await takeOld();
    expect(again.accepted).toEqual([]);
    expect(again.refused.map(({ reason }) => reason)).toEqual(old.map(() => 'too_old'));
    expect((await take(young)).accepted).toHaveLength(2);
    expect(await rows(org, 'group_by=mode')).toEqual(before);
    // The time from when calls are told of never goes back.
    await archiveUsage(database.database, new Date(NOW - 100 * HOUR));
    expect((await takeOld()).accepted).toEqual([]);
  });
});
