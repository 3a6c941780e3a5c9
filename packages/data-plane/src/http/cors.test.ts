import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineServer } from './testing/engine-server.ts';
import { KEYS, SHOP_ORIGIN, STAFF_ORIGIN } from './testing/test-control.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
beforeAll(async () => {
  server = await startEngineServer();
});
afterAll(() => server.close());

const ALLOW_ORIGIN = 'access-control-allow-origin';

function preflight(path: string, origin: string) {
  return server.call('OPTIONS', path, {
    key: null,
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  });
}

describe('a preflight', () => {
  it('lets in an allowed origin of the project', async () => {
    const answer = await preflight('/v1/projects/shop/sessions', SHOP_ORIGIN);
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      [ALLOW_ORIGIN]: SHOP_ORIGIN,
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers':
        'authorization, x-api-key, content-type, idempotency-key, last-event-id',
      vary: 'Origin',
    });
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false);
  });

  it.each([
    ['/v1/projects/shop/sessions', 'https://evil.example'],
    ['/v1/projects/shop/sessions', 'https://shop.example.evil.example'],
    ['/v1/projects/shop/sessions', 'http://shop.example'],
    ['/v1/projects/shop/sessions', 'null'],
    ['/v1/projects/desk/sessions', SHOP_ORIGIN],
    ['/v1/projects/nowhere/sessions', SHOP_ORIGIN],
  ])('of %s lets %s not in', async (path, origin) => {
    const answer = await preflight(path, origin);
    expect(answer.headers.has(ALLOW_ORIGIN)).toBe(false);
    expect(answer.headers.get('vary')).toBe('Origin');
  });

  it.each([SHOP_ORIGIN, STAFF_ORIGIN])('of the flat family lets %s not in', async (origin) => {
    const answer = await preflight('/v1/sessions', origin);
    expect(answer.headers.has(ALLOW_ORIGIN)).toBe(false);
  });

  it.each(['shop', 'desk', 'nowhere'])(
    'of any project (%s) lets in the page on which its people use staff tokens',
    async (ref) => {
      const answer = await preflight(`/v1/projects/${ref}/sessions`, STAFF_ORIGIN);
      expect(answer.headers.get(ALLOW_ORIGIN)).toBe(STAFF_ORIGIN);
    },
  );
});

describe('a call from a page', () => {
  const headers = { origin: SHOP_ORIGIN };

  it('shows its answer to an allowed origin, errors and streams included', async () => {
    const made = await server.call('POST', '/v1/projects/shop/sessions', { headers, body: {} });
    const { id } = (await made.json()) as { id: string };
    const path = `/v1/projects/shop/sessions/${id}`;
    const body = { text: 'hi', stream: true };
    const answers = [
      made,
      await server.call('GET', '/v1/projects/shop', { headers, key: null }),
      await server.call('GET', '/v1/projects/shop/nothing', { headers }),
      await server.call('POST', `${path}/messages`, { headers, body: {} }),
      await server.call('POST', `${path}/messages`, { headers, body }),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([201, 401, 404, 422, 200]);
    for (const answer of answers) {
      expect(answer.headers.get(ALLOW_ORIGIN)).toBe(SHOP_ORIGIN);
      expect(answer.headers.get('access-control-expose-headers')).toBe('x-request-id, retry-after');
      expect(answer.headers.get('vary')).toContain('Origin');
      expect(answer.headers.has('access-control-allow-credentials')).toBe(false);
      if (!answer.bodyUsed) await answer.text();
    }
  });

  it('hides it from every other, and on the flat family from all', async () => {
    for (const [path, origin] of [
      ['/v1/projects/shop', 'https://evil.example'],
      ['/v1/projects/desk', SHOP_ORIGIN],
      ['/v1/sessions', SHOP_ORIGIN],
    ] as const) {
      const answer = await server.call('GET', path, { headers: { origin } });
      expect(answer.status).toBe(200);
      expect(answer.headers.has(ALLOW_ORIGIN), path).toBe(false);
    }
  });

  it("is held against its own org's project, not another's of the same ref", async () => {
    const answer = await server.call('GET', '/v1/projects/shop', { headers, key: 'key-foreign' });
    expect(answer.status).toBe(200);
    expect(answer.headers.has(ALLOW_ORIGIN)).toBe(false);
  });

  it('with a staff token is shown to the control plane’s own page, and to no other', async () => {
    const shown = async (ref: string, origin: string, key: string | undefined) => {
      const path = `/v1/projects/${ref}/sessions`;
      const answer = await server.call('GET', path, {
        headers: { origin },
        ...(key === undefined ? {} : { key }),
      });
      return [answer.status, answer.headers.get(ALLOW_ORIGIN)];
    };
    for (const ref of ['shop', 'desk']) {
      expect(await shown(ref, STAFF_ORIGIN, KEYS.staff)).toEqual([200, STAFF_ORIGIN]);
    }
    // What a project lets in are its own pages, where its people are not signed in.
    expect(await shown('shop', SHOP_ORIGIN, KEYS.staff)).toEqual([200, null]);
    // That page has no business with other credentials.
    expect(await shown('shop', STAFF_ORIGIN, undefined)).toEqual([200, null]);
  });

  it('varies by origin also when none is sent', async () => {
    const answer = await server.call('GET', '/v1/projects/shop');
    expect(answer.headers.get('vary')).toBe('Origin');
  });
});
