import { describe, expect, test } from 'vitest';
import { json, problem, scriptedServer } from '../test/scripted-server.ts';
import { Karta } from './karta.ts';

function client(url: string, project?: string): Karta {
  return new Karta({ apiKey: 'k', baseUrl: url, project, backoff: { firstMs: 1, maxMs: 2 } });
}

describe('sessions', () => {
  test('are created on the flat family, or on the project when one is named', async () => {
    await using server = await scriptedServer((_, response) =>
      json(response, 201, { id: 'sess_1', status: 'active' }),
    );
    const session = await client(server.url).sessions.create({ metadata: { a: 1 } });
    expect(session.id).toBe('sess_1');
    expect(session.created.status).toBe('active');
    await client(server.url, 'a b').sessions.create();
    expect(server.seen.map((request) => request.url.pathname)).toEqual([
      '/v1/sessions',
      '/v1/projects/a%20b/sessions',
    ]);
    expect(server.seen[0]?.body).toBe('{"metadata":{"a":1}}');
  });

  test('are listed through all pages', async () => {
    await using server = await scriptedServer(({ url }, response) => {
      const at = Number(url.searchParams.get('cursor') ?? 0);
      json(response, 200, {
        sessions: [{ id: `sess_${at}` }, { id: `sess_${at + 1}` }],
        next_cursor: at < 4 ? String(at + 2) : null,
      });
    });
    const list = client(server.url).sessions.list({ metadata: { tier: 'gold' }, limit: 2 });
    const ids: string[] = [];
    for await (const session of list) ids.push(session.id);
    expect(ids).toEqual(['sess_0', 'sess_1', 'sess_2', 'sess_3', 'sess_4', 'sess_5']);
    expect(server.seen[0]?.url.searchParams.get('metadata[tier]')).toBe('gold');
    expect(server.seen[0]?.url.searchParams.get('limit')).toBe('2');
  });

  test('ending one whose first answer was lost is not an error', async () => {
    await using server = await scriptedServer((_, response, index) => {
      if (index === 0) response.destroy();
      else problem(response, 404, 'not_found');
    });
    await client(server.url).sessions.end('sess_1');
    expect(server.seen).toHaveLength(2);
    await expect(client(server.url).sessions.end('sess_1')).rejects.toThrow('not_found');
  });

  test('are read and changed', async () => {
    await using server = await scriptedServer((request, response) =>
      json(response, 200, { id: 'sess_1', metadata: { method: request.method } }),
    );
    const { sessions } = client(server.url);
    expect((await sessions.get('sess_1')).metadata).toEqual({ method: 'GET' });
    const changed = await sessions.update('sess_1', { metadata: { a: null } });
    expect(changed.metadata).toEqual({ method: 'PATCH' });
    expect(server.seen[1]?.body).toBe('{"metadata":{"a":null}}');
  });
});

describe('a session', () => {
  test('sends a message with its options by their wire names', async () => {
    await using server = await scriptedServer((_, response) =>
      json(response, 200, { text: 'hello' }),
    );
    const session = client(server.url).sessions.open('sess_1');
    const answer = await session.send('hi', {
      agent: 'returns',
      thinking: true,
      ifBusy: 'reject',
      participantName: 'Ada',
      participantType: 'human',
      attachments: [{ path: 'a.txt' }],
    });
    expect(answer.text).toBe('hello');
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
      text: 'hi',
      agent: 'returns',
      thinking: true,
      if_busy: 'reject',
      participant_name: 'Ada',
      participant_type: 'human',
      attachments: [{ path: 'a.txt' }],
      stream: false,
    });
  });

  test('resolves inputs once, cancels, and reads its history', async () => {
    await using server = await scriptedServer((_, response) =>
      json(response, 200, { events: [], session: {}, messages: [{ id: 'msg_1' }] }),
    );
    const session = client(server.url).sessions.open('sess_1');
    await session.inputs.resolve('inp_1', 'deny', { message: 'no' });
    await session.cancel();
    expect(await session.history()).toEqual([{ id: 'msg_1' }]);
    expect(server.seen.map(({ method, url }) => `${method} ${url.pathname}`)).toEqual([
      'PUT /v1/sessions/sess_1/inputs/inp_1',
      'POST /v1/sessions/sess_1/cancel',
      'GET /v1/sessions/sess_1/messages',
    ]);
    expect(server.seen[0]?.body).toBe('{"decision":"deny","message":"no"}');
  });

  test('stores and reads files, each part of the path encoded', async () => {
    await using server = await scriptedServer((request, response) => {
      if (request.method === 'GET') response.end('content');
      else if (request.method === 'DELETE') response.writeHead(204).end();
      else json(response, 200, { path: 'x', size: request.body.length });
    });
    const { files } = client(server.url).sessions.open('sess_1');
    expect(await files.write('notes/a?.txt', 'content')).toEqual({ path: 'x', size: 7 });
    expect(await (await files.read('notes/a?.txt')).text()).toBe('content');
    await files.remove('notes/a?.txt');
    const paths = server.seen.map(({ url }) => url.pathname);
    expect(new Set(paths)).toEqual(new Set(['/v1/sessions/sess_1/files/notes/a%3F.txt']));
  });
});
