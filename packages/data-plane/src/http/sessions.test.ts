import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineServer } from './testing/engine-server.ts';
import { KEYS } from './testing/test-control.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
beforeAll(async () => {
  server = await startEngineServer();
});
afterAll(() => server.close());

describe('creating a session', () => {
  it('answers 201 with fresh values', async () => {
    const answer = await server.call('POST', '/v1/sessions', {
      body: { metadata: { customer_id: 'abc123' } },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const session = await answer.json();
    expect(session).toEqual({
      id: expect.stringMatching(/^sess_[0-9a-f]{24}$/),
      metadata: { customer_id: 'abc123' },
      current_agent: 'default',
      status: 'active',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/),
      updated_at: expect.stringMatching(/\+00:00$/),
      parent_id: null,
      pending_input: null,
      pending_inputs: [],
      permission_mode: null,
      participants: [],
      isolation: null,
    });
  });

  it('needs no body at all', async () => {
    const answer = await server.call('POST', '/v1/sessions');
    expect(answer.status).toBe(201);
  });

  it('adds the project block on the project family', async () => {
    const answer = await server.call('POST', '/v1/projects/desk/sessions', { body: {} });
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({
      project: { ref: 'desk', project_id: 'proj_org_1_desk', version: 'v1' },
    });
  });

  it('resumes with 200, and an unknown session_id is 404', async () => {
    const { id } = await server.session();
    const resumed = await server.call('POST', '/v1/sessions', { body: { session_id: id } });
    expect(resumed.status).toBe(200);
    expect(await resumed.json()).toMatchObject({ id });
    const unknown = { session_id: `sess_${'0'.repeat(24)}` };
    expect((await server.call('POST', '/v1/sessions', { body: unknown })).status).toBe(404);
  });

  it('goes to the project that a flat call names', async () => {
    const named = await server.call('POST', '/v1/sessions', { body: { project: 'desk' } });
    const { id } = (await named.json()) as { id: string };
    expect((await server.call('GET', `/v1/projects/desk/sessions/${id}`)).status).toBe(200);
    expect((await server.call('GET', `/v1/projects/shop/sessions/${id}`)).status).toBe(404);
    const absent = await server.call('POST', '/v1/sessions', { body: { project: 'nowhere' } });
    expect(absent.status).toBe(404);
    const own = await server.call('POST', '/v1/projects/shop/sessions', {
      body: { project: 'desk' },
    });
    expect(own.status).toBe(422);
  });

  it('is 409 before any publish', async () => {
    const answer = await server.call('POST', '/v1/projects/empty/sessions', { body: {} });
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({ error: 'no_active_release' });
  });
});

describe('a session', () => {
  it('is read on both families', async () => {
    const { id } = await server.session();
    const flat = await (await server.call('GET', `/v1/sessions/${id}`)).json();
    expect(flat).not.toHaveProperty('project');
    const own = await (await server.call('GET', `/v1/projects/shop/sessions/${id}`)).json();
    expect(own).toMatchObject({ id, project: { ref: 'shop' } });
  });

  it('is changed by PATCH; null removes a key', async () => {
    const made = await server.call('POST', '/v1/sessions', { body: { metadata: { a: 1, b: 2 } } });
    const { id } = (await made.json()) as { id: string };
    const answer = await server.call('PATCH', `/v1/sessions/${id}`, {
      body: { metadata: { a: null, c: [3] }, permission_mode: 'autonomous' },
    });
    expect(await answer.json()).toMatchObject({
      metadata: { b: 2, c: [3] },
      permission_mode: 'autonomous',
    });
  });

  it('is gone after DELETE', async () => {
    const { id } = await server.session();
    const ended = await server.call('DELETE', `/v1/sessions/${id}`);
    expect(ended.status).toBe(204);
    expect(await ended.text()).toBe('');
    for (const method of ['GET', 'DELETE']) {
      expect((await server.call(method, `/v1/sessions/${id}`)).status).toBe(404);
    }
  });

  it('answers HEAD like GET, without the body', async () => {
    const { id } = await server.session();
    const head = await server.call('HEAD', `/v1/sessions/${id}`);
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
  });
});

describe('listing sessions', () => {
  it('selects by metadata and pages, newest first', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const body = { metadata: { team: 'a b&c', n } };
      const made = await server.call('POST', '/v1/projects/desk/sessions', { body });
      ids.push(((await made.json()) as { id: string }).id);
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ 'metadata[team]': 'a b&c', limit: '2' });
      if (cursor !== null) query.set('cursor', cursor);
      const page = await server.call('GET', `/v1/projects/desk/sessions?${query}`);
      const { sessions, next_cursor } = (await page.json()) as {
        sessions: { id: string }[];
        next_cursor: string | null;
      };
      seen.push(...sessions.map((one) => one.id));
      cursor = next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids.reverse());
    const one = await server.call('GET', '/v1/sessions?metadata[n]=1');
    expect(((await one.json()) as { sessions: unknown[] }).sessions).toHaveLength(1);
  });

  it('names the parameter that is wrong', async () => {
    for (const [query, parameter] of [
      ['limit=0', 'limit'],
      ['limit=101', 'limit'],
      ['limit=ten', 'limit'],
      ['status=sleeping', 'status'],
    ]) {
      const answer = await server.call('GET', `/v1/sessions?${query}`);
      expect(answer.status, query).toBe(422);
      expect(await answer.json()).toMatchObject({ errors: [{ parameter }] });
    }
  });

  it('never shows what is of another org', async () => {
    await server.session();
    const answer = await server.call('GET', '/v1/sessions', { key: KEYS.foreign });
    expect(await answer.json()).toEqual({ sessions: [], next_cursor: null });
  });
});
