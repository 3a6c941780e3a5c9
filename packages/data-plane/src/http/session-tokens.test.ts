import { moneyToWire, type Session } from '@karta/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Principal, StaffRights, TokenRights } from '../control/port.ts';
import { SCRIPTED_COST } from '../sessions/testing/scripted-runner.ts';
import { ROUTES } from './routes/index.ts';
import { type EngineServer, startEngineServer } from './testing/engine-server.ts';
import { messagesOf } from './testing/serve-test.ts';
import { KEYS, SHOP_ORIGIN, staff, testControl, token } from './testing/test-control.ts';

/** An origin of an embed key. */
const OWN_ORIGIN = 'https://embedded.example';
/** Tokens by their name, filled by the tests. */
const principals: Record<string, Principal> = Object.create(null);
/** Ids of those that are refused by now. */
const refused = new Set<string>();
let tell = () => {};
let server: EngineServer;
beforeAll(async () => {
  server = await startEngineServer({
    ticketMs: 50,
    control: {
      ...testControl(),
      originsOf: async () => [SHOP_ORIGIN, OWN_ORIGIN],
      async authenticate(credential) {
        const principal = principals[credential];
        if (principal === undefined) return testControl().authenticate(credential);
        return refused.has(principal.id) ? null : principal;
      },
      refuses: (principal) => refused.has(principal.id),
      onRefusals(listener) {
        tell = listener;
      },
    },
  });
});
afterAll(() => server.close());

let count = 0;
/** The name of a fresh token. */
function tokenWith(rights: Partial<TokenRights>, sub: string | null = 'ann'): string {
  count += 1;
  const name = `token-${count}`;
  principals[name] = token(`tok_${count}`, sub, rights);
  return name;
}

const base = '/v1/projects/shop/sessions';
const create = (key: string, body: object = {}) => server.call('POST', base, { key, body });
const idOf = async (answer: Response) => ((await answer.json()) as Session).id;

describe('the scopes of a session token', () => {
  it('are asked by every route of the project family', async () => {
    const able = tokenWith({ scopes: ['chat', 'approve', 'agent', 'files'] });
    const id = await idOf(await create(able));
    for (const route of ROUTES.filter(({ families }) => families.includes('project'))) {
      const path = `/v1/projects/shop${route.path}`
        .replace('{session_id}', id)
        .replace(/\{\w+\}/, 'x');
      const body = route.body === undefined ? {} : { body: {} };
      for (const scope of ['chat', 'approve', 'agent', 'files'] as const) {
        if (route.token === scope) continue;
        const answer = await server.call(route.method.toUpperCase(), path, {
          key: tokenWith({ scopes: [scope] }),
          ...body,
        });
        expect(answer.status, `${route.id} with ${scope}`).toBe(403);
      }
    }
  });

  it('chat talks; agents, files and approvals are their own', async () => {
    const chat = tokenWith({ scopes: ['chat'] });
    const path = `${base}/${await idOf(await create(chat))}`;
    const send = (key: string, body: object) =>
      server.call('POST', `${path}/messages`, { key, body: { text: 'hi', ...body } });
    expect((await send(chat, {})).status).toBe(200);
    expect((await server.call('GET', path, { key: chat })).status).toBe(200);
    expect((await server.call('POST', `${path}/cancel`, { key: chat })).status).toBe(200);
    const attachments = [{ path: 'a.txt' }];
    for (const body of [{ agent: 'default' }, { attachments }]) {
      expect((await send(chat, body)).status, JSON.stringify(body)).toBe(403);
    }
    expect(
      (await send(tokenWith({ scopes: ['chat', 'agent'] }), { agent: 'default' })).status,
    ).toBe(200);
    const patch = (key: string, body: object) => server.call('PATCH', path, { key, body });
    expect((await patch(chat, { current_agent: 'default' })).status).toBe(403);
    expect((await patch(chat, { permission_mode: 'autonomous' })).status).toBe(403);
    expect((await server.call('DELETE', path, { key: chat })).status).toBe(403);
    expect((await server.call('GET', `${path}/events?raw=true`, { key: chat })).status).toBe(403);
  });
});

describe('what a session token sees', () => {
  it('is what its end user has, or what it made itself', async () => {
    const [ann, annAgain, ben] = [tokenWith({}), tokenWith({}), tokenWith({}, 'ben')];
    const path = `${base}/${await idOf(await create(ann))}`;
    expect((await server.call('GET', path, { key: annAgain })).status).toBe(200);
    expect((await server.call('GET', path, { key: ben })).status).toBe(404);
    const [one, two] = [tokenWith({}, null), tokenWith({}, null)];
    const own = `${base}/${await idOf(await create(one))}`;
    expect((await server.call('GET', own, { key: one })).status).toBe(200);
    expect((await server.call('GET', own, { key: two })).status).toBe(404);
    expect((await server.call('GET', base, { key: one })).status).toBe(403);
  });

  it('is one session alone when it was minted for one', async () => {
    const ann = tokenWith({});
    const [mine, other] = [await idOf(await create(ann)), await idOf(await create(ann))];
    const only = tokenWith({ sessionId: mine });
    expect((await server.call('GET', `${base}/${mine}`, { key: only })).status).toBe(200);
    expect((await server.call('GET', `${base}/${other}`, { key: only })).status).toBe(404);
    expect((await create(only)).status).toBe(403);
    expect((await create(only, { session_id: other })).status).toBe(403);
    expect((await create(only, { session_id: mine })).status).toBe(200);
    const list = (await (await server.call('GET', base, { key: only })).json()) as {
      sessions: Session[];
    };
    expect(list.sessions.map(({ id }) => id)).toEqual([mine]);
  });
});

describe('a staff token', () => {
  function staffWith(scope: 'read' | 'write', rights: Partial<StaffRights> = {}, id = 'per_1') {
    count += 1;
    principals[`staff-${count}`] = staff(id, scope, rights);
    return `staff-${count}`;
  }

  it('sees the sessions of its org, on both families, and no other', async () => {
    const anns = await idOf(await create(tokenWith({})));
    const read = staffWith('read');
    for (const path of [`${base}/${anns}`, `/v1/sessions/${anns}`]) {
      expect((await server.call('GET', path, { key: read })).status).toBe(200);
    }
    const list = await server.call('GET', '/v1/sessions', { key: read });
    expect(JSON.stringify(await list.json())).toContain(anns);
    const foreign = await server.call('POST', '/v1/sessions', { key: KEYS.foreign, body: {} });
    const path = `/v1/sessions/${await idOf(foreign)}`;
    expect((await server.call('GET', path, { key: read })).status).toBe(404);
  });

  it('changes nothing unless it may write, and sets no permission mode', async () => {
    const [read, write] = [staffWith('read'), staffWith('write')];
    expect((await create(read)).status).toBe(403);
    const path = `/v1/sessions/${await idOf(await create(write))}`;
    const send = (key: string) =>
      server.call('POST', `${path}/messages`, { key, body: { text: 'hi' } });
    expect((await send(read)).status).toBe(403);
    expect((await send(write)).status).toBe(200);
    // The next token of the same person, and of a colleague.
    expect((await send(staffWith('write'))).status).toBe(200);
    expect((await send(staffWith('write', {}, 'per_2'))).status).toBe(200);
    const body = { permission_mode: 'autonomous' };
    expect((await server.call('PATCH', path, { key: write, body })).status).toBe(403);
    expect((await server.call('DELETE', path, { key: read })).status).toBe(403);
    expect((await server.call('DELETE', path, { key: write })).status).toBe(204);
  });

  it('is one session alone when it was minted for one', async () => {
    const [mine, other] = [
      await idOf(await create(KEYS.full)),
      await idOf(await create(KEYS.full)),
    ];
    const only = staffWith('write', { sessionId: mine });
    expect((await server.call('GET', `${base}/${mine}`, { key: only })).status).toBe(200);
    expect((await server.call('GET', `${base}/${other}`, { key: only })).status).toBe(404);
    expect((await create(only)).status).toBe(403);
  });
});

describe('the end of a staff token', () => {
  it('is that of its streams, a minute later, and of its tickets', async () => {
    const id = await idOf(await create(KEYS.full));
    const ended = Date.now() / 1000 - 60 + 0.3;
    principals.ending = staff('per_1', 'read', { expiresAt: ended });
    const stream = await server.call('GET', `${base}/${id}/events`, { key: 'ending' });
    expect(stream.status).toBe(200);
    // It resolves, since the stream ends by itself.
    await stream.text();
    expect(server.readersOf(id)).toBe(0);

    const soon = Math.floor(Date.now() / 1000) + 60;
    principals.soon = staff('per_1', 'write', { expiresAt: soon });
    const issued = await server.call('POST', `${base}/${id}/stream_tickets`, { key: 'soon' });
    const { expires_at } = (await issued.json()) as { expires_at: string };
    expect(Date.parse(expires_at) / 1000).toBe(soon);
  });
});

describe('pinned metadata', () => {
  it('is on each session that the token makes, and its holder cannot change it', async () => {
    const key = tokenWith({ metadata: { plan: 'free' } });
    const made = (await (await create(key, { metadata: { topic: 'tea' } })).json()) as Session;
    expect(made.metadata).toEqual({ plan: 'free', topic: 'tea' });
    const same = await create(key, { metadata: { plan: 'free' } });
    expect(same.status).toBe(201);
    const path = `${base}/${made.id}`;
    for (const metadata of [{ plan: 'gold' }, { plan: null }]) {
      expect((await create(key, { metadata })).status).toBe(403);
      expect((await create(key, { session_id: made.id, metadata })).status).toBe(403);
      expect((await server.call('PATCH', path, { key, body: { metadata } })).status).toBe(403);
    }
    const kept = (await (await server.call('GET', path, { key })).json()) as Session;
    expect(kept.metadata).toEqual({ plan: 'free', topic: 'tea' });
  });
});

describe('a stream', () => {
  const open = async (key: string) => {
    const id = await idOf(await create(key));
    const answer = await server.call('GET', `${base}/${id}/events`, { key });
    expect(answer.status).toBe(200);
    return { id, text: answer.text() };
  };

  it('tells what a turn cost to whoever pays, never to an end user', async () => {
    const key = tokenWith({});
    const id = await idOf(await create(key));
    const body = { text: 'hello', stream: true };
    const theirs = await server.call('POST', `${base}/${id}/messages`, { key, body });
    expect(await theirs.text()).toContain('"cost":null');
    const read = (by: string) =>
      server.call('GET', `${base}/${id}/events?after=0&until=done`, { key: by });
    expect(await (await read(key)).text()).toContain('"cost":null');
    const ours = await (await read(KEYS.full)).text();
    expect(ours).toContain(`"cost":${JSON.stringify(moneyToWire(SCRIPTED_COST))}`);
  });

  it('ends a minute after its token', async () => {
    const soon = Date.now() / 1000 - 60 + 0.3;
    const began = performance.now();
    await (await open(tokenWith({ expiresAt: soon }))).text;
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('ends at once when its token is revoked, and others go on', async () => {
    const [gone, kept] = [tokenWith({}), tokenWith({})];
    const [ending, going] = [await open(gone), await open(kept)];
    await expect.poll(() => server.readersOf(ending.id) + server.readersOf(going.id)).toBe(2);
    refused.add(principals[gone]?.id ?? '');
    tell();
    await ending.text;
    expect(server.readersOf(going.id)).toBe(1);
    expect((await server.call('GET', base, { key: gone })).status).toBe(401);
  });
});

describe('a stream ticket', () => {
  it('opens the events of its session and nothing else, and brings the next', async () => {
    const key = tokenWith({});
    const path = `${base}/${await idOf(await create(key))}`;
    const issued = await server.call('POST', `${path}/stream_tickets`, { key });
    expect(issued.status).toBe(201);
    const { ticket } = (await issued.json()) as { ticket: string };
    const bare = { key: null };
    const answer = await server.call('GET', `${path}/events?ticket=${ticket}`, bare);
    expect(answer.status).toBe(200);
    const tickets: string[] = [];
    for await (const message of messagesOf(answer)) {
      if (message.event !== 'ticket') continue;
      expect(message.id).toBeUndefined();
      tickets.push(JSON.parse(message.data).ticket);
      if (tickets.length === 2) break;
    }
    const next = await server.call('GET', `${path}/events?ticket=${tickets[1]}`, bare);
    expect(next.status).toBe(200);
    await next.body?.cancel();

    const other = `${base}/${await idOf(await create(key))}`;
    for (const elsewhere of [path, `${path}/messages`, `${other}/events`, base]) {
      const refusal = await server.call('GET', `${elsewhere}?ticket=${ticket}`, bare);
      expect(refusal.status, elsewhere).toBe(401);
    }
    refused.add(principals[key]?.id ?? '');
    const gone = await server.call('GET', `${path}/events?ticket=${ticket}`, bare);
    expect(gone.status).toBe(401);
  });

  it('of an API key works on the flat family', async () => {
    const { id } = await server.session();
    const path = `/v1/sessions/${id}`;
    const issued = await server.call('POST', `${path}/stream_tickets`);
    const { ticket } = (await issued.json()) as { ticket: string };
    const answer = await server.call('GET', `${path}/events?ticket=${ticket}`, { key: null });
    expect(answer.status).toBe(200);
    await answer.body?.cancel();
  });
});

describe('a browser', () => {
  it('calls from the origins of the embed key that its token came from', async () => {
    const ask = async (key: string, origin: string) =>
      (await server.call('GET', '/v1/projects/shop', { key, headers: { origin } })).headers.get(
        'access-control-allow-origin',
      );
    const [plain, embedded] = [tokenWith({}), tokenWith({ origins: [OWN_ORIGIN] })];
    expect(await ask(plain, SHOP_ORIGIN)).toBe(SHOP_ORIGIN);
    expect(await ask(plain, OWN_ORIGIN)).toBeNull();
    expect(await ask(embedded, OWN_ORIGIN)).toBe(OWN_ORIGIN);
    expect(await ask(embedded, SHOP_ORIGIN)).toBeNull();
  });
});
