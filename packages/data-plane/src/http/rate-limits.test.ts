import type { OrgRateLimits, RateFigures, RateLimitScope, Session } from '@karta/protocol';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RateLimiter } from '../rates/rate-limiter.ts';
import { rateRules } from '../rates/rate-rules.ts';
import { objectsOf } from '../rates/rate-subject.ts';
import { type EngineServer, startEngineServer } from './testing/engine-server.ts';
import { KEYS } from './testing/test-control.ts';

let server: EngineServer;
let limits: OrgRateLimits[] = [];
const clock = { now: 0 };
const rates = new RateLimiter({ rules: () => rateRules(limits, 1), now: () => clock.now });

beforeAll(async () => {
  server = await startEngineServer({}, rates);
});
afterAll(() => server?.close());
beforeEach(() => {
  limits = [];
  // Long enough for every bucket to be full again.
  clock.now += 1e9;
});

/** The limits of org_1 from now on. */
function limit(scope: RateLimitScope, figures: Partial<RateFigures>): void {
  const none = { requests_per_minute: null, tokens_per_minute: null, concurrent_turns: null };
  const rule = { id: `rlm_${scope}`, set_by: 'org' as const, scope, scope_id: null };
  const others = limits.flatMap(({ limits: known }) => known);
  limits = [{ org_id: 'org_1', limits: [...others, { ...rule, ...none, ...figures }] }];
}

const SHOP = '/v1/projects/shop/sessions';

async function refusal(answer: Response): Promise<Record<string, unknown> & { wait: string }> {
  expect(answer.status).toBe(429);
  const wait = answer.headers.get('retry-after') ?? '';
  return { ...((await answer.json()) as Record<string, unknown>), wait };
}

async function tokenSession(): Promise<Session> {
  const answer = await server.call('POST', SHOP, { key: KEYS.token, body: {} });
  return (await answer.json()) as Session;
}

const say = (path: string, id: string, body: object, key: string = KEYS.full) =>
  server.call('POST', `${path}/${id}/messages`, { key, body });

test('requests of every kind are counted, and refused with when to come again', async () => {
  limit('api_key', { requests_per_minute: 3 });
  const list = (key: string) => server.call('GET', '/v1/sessions', { key });
  expect((await list(KEYS.full)).status).toBe(200);
  expect((await server.call('GET', '/v1/sessions/sess_none')).status).toBe(404);
  // A token counts on the key that minted it.
  expect((await server.call('POST', SHOP, { key: KEYS.token, body: {} })).status).toBe(201);
  expect(await refusal(await list(KEYS.full))).toMatchObject({
    wait: '20',
    error: 'rate_limited',
    reason: 'requests_per_minute',
    rate_limit: { id: 'rlm_api_key', scope_id: 'key_full', requests_per_minute: 3 },
  });
  const told = await refusal(await server.call('POST', SHOP, { key: KEYS.token, body: {} }));
  expect(told).toMatchObject({ wait: '20', detail: 'Too many requests' });
  expect(told).not.toHaveProperty('rate_limit');
  for (const other of [KEYS.read, KEYS.foreign]) expect((await list(other)).status).toBe(200);
  clock.now += 20_000;
  expect((await list(KEYS.full)).status).toBe(200);
  const wrong = { key: 'key-nobody', body: {} };
  expect((await server.call('POST', '/v1/sessions', wrong)).status).toBe(401);
});

test('a message counts on the project and the end user of its session, whoever sends it', async () => {
  const { id } = await tokenSession();
  limit('project', { requests_per_minute: 2 });
  limit('end_user', { requests_per_minute: 1 });
  expect((await say('/v1/sessions', id, { text: 'hi' })).status).toBe(200);
  const more = await refusal(await say('/v1/sessions', id, { text: 'hi' }));
  expect(more).toMatchObject({ wait: '60', rate_limit: { scope: 'end_user', scope_id: 'ann' } });
  expect((await server.call('GET', SHOP)).status).toBe(200);
  const third = await refusal(await server.call('GET', SHOP));
  expect(third).toMatchObject({ wait: '30', rate_limit: { scope: 'project' } });
});

test('nothing is begun while the tokens are used up', async () => {
  const { id } = await server.session();
  limit('project', { tokens_per_minute: 100 });
  const spent = objectsOf({
    org_id: 'org_1',
    project_id: 'proj_org_1_shop',
    api_key_id: 'key_full',
    embed_key_id: null,
    end_user: null,
  });
  rates.spent(spent, 99);
  expect((await say('/v1/sessions', id, { text: 'hi' })).status).toBe(200);
  rates.spent(spent, 51);
  const before = server.runner.inputs.length;
  const told = await refusal(await say('/v1/sessions', id, { text: 'hi' }));
  expect(told).toMatchObject({ wait: '31', reason: 'tokens_per_minute' });
  expect(server.runner.inputs).toHaveLength(before);
  const turns = await server.database.selectFrom('turns').selectAll().execute();
  expect(turns.filter(({ session_id }) => session_id === id)).toHaveLength(1);
  clock.now += 31_000;
  expect((await say('/v1/sessions', id, { text: 'hi' })).status).toBe(200);
});

test('as many turns run at once as may; one that waits takes over the place of its session', async () => {
  const [one, two] = [await tokenSession(), await tokenSession()];
  limit('end_user', { concurrent_turns: 1 });
  const held = say(SHOP, one.id, { text: server.script({ gate: 'held' }) }, KEYS.token);
  const running = () => rates.requireTurn([{ org: 'org_1', scope: 'end_user', id: 'ann' }], false);
  await expect.poll(() => reason(running)).toBe('rate_limited');
  const refused = await refusal(await say('/v1/sessions', two.id, { text: 'hi' }));
  expect(refused).toMatchObject({
    wait: '1',
    reason: 'concurrent_turns',
    rate_limit: { scope: 'end_user', scope_id: 'ann', concurrent_turns: 1 },
  });
  const behind = say(SHOP, one.id, { text: server.script({ gate: 'behind' }) }, KEYS.token);
  await expect.poll(() => server.engine.live.get(one.id)?.queue.length).toBe(1);
  server.runner.open('held');
  expect((await held).status).toBe(200);
  await refusal(await say('/v1/sessions', two.id, { text: 'hi' }));
  server.runner.open('behind');
  expect((await behind).status).toBe(200);
  expect((await say('/v1/sessions', two.id, { text: 'hi' })).status).toBe(200);
});

test('a turn that fails gives its place back', async () => {
  const { id } = await tokenSession();
  limit('end_user', { concurrent_turns: 1 });
  for (const fails of [{ throws: 'a harness' }, { vanishes: true }]) {
    const answer = await say(SHOP, id, { text: server.script(fails) }, KEYS.token);
    expect([200, 503]).toContain(answer.status);
  }
  expect((await say(SHOP, id, { text: 'hi' }, KEYS.token)).status).toBe(200);
});

function reason(act: () => void): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
}
