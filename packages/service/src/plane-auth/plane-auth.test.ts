import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { KartaError, PLANE_PROTOCOL } from '@karta/protocol';
import { decodeJwt, SignJWT, UnsecuredJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { signingKey } from './imported-keys.ts';
import {
  bodyDigest,
  createServiceVerifier,
  fixedPeers,
  internalRoute,
  internalRouter,
  internalSurface,
  listenInternalSurface,
  loopbackSurface,
  mintServiceToken,
  newPlaneKey,
  nodeIdOf,
  PLANE_PROTOCOL_HEADER,
  type PlanePrivateKey,
  planeClient,
  planeKeys,
  publicHalf,
} from './index.ts';

const log = pino({ level: 'silent' });
const answerSchema = z.object({ said: z.string(), node: z.string() });
const echo = internalRoute({
  method: 'POST',
  path: '/v1/internal/echo/{name}',
  body: z.strictObject({ text: z.string() }),
  handle: async ({ body, nodeId, param, query }) => ({
    said: `${param('name')} ${query.get('again') ?? ''} ${body.text}`,
    node: nodeId,
  }),
});
const nothing = internalRoute({
  method: 'GET',
  path: '/v1/internal/nothing',
  handle: async () => null,
});
const refusing = internalRoute({
  method: 'GET',
  path: '/v1/internal/refusing',
  async handle() {
    throw new KartaError('storage_full', 'No room.', { retryAfter: 7 });
  },
});
const store = internalRoute({
  method: 'PUT',
  path: '/v1/internal/files',
  streamed: true,
  async handle({ stream, streamDigest }) {
    const bytes = await buffer(stream);
    return { same: createHash('sha256').update(bytes).digest('hex') === streamDigest };
  },
});
const ofDoors = internalRoute({
  method: 'GET',
  path: '/v1/internal/of-doors',
  peer: 'doors',
  handle: async ({ nodeId }) => ({ said: 'opened', node: nodeId }),
});
const lines = internalRoute({
  method: 'GET',
  path: '/v1/internal/lines',
  handle: async () => new Response('{"n":1}\n{"n":2}\n', { headers: { 'x-kind': 'lines' } }),
});

let key: PlanePrivateKey;
let doorsKey: PlanePrivateKey;
let folder: string;
let server: Awaited<ReturnType<typeof serve>>;

async function serve(protocol = PLANE_PROTOCOL, allowed = ['127.0.0.1']) {
  const verifier = createServiceVerifier({
    audience: 'control',
    peers: fixedPeers([publicHalf(key)], [{ key: publicHalf(doorsKey), of: publicHalf(key) }]),
  });
  const routes = [echo, nothing, refusing, store, lines, ofDoors];
  const router = internalRouter({ routes, verifier, log, protocol });
  const surface = { ...loopbackSurface(0), allowed_addresses: allowed };
  return listenInternalSurface(surface, [router], log);
}

beforeAll(async () => {
  key = newPlaneKey();
  doorsKey = newPlaneKey();
  folder = await mkdtemp(join(tmpdir(), 'karta-planes-'));
  server = await serve();
});
afterAll(async () => {
  await server.close(0);
  await rm(folder, { recursive: true, force: true });
});

const client = (options: Partial<Parameters<typeof planeClient>[0]> = {}) =>
  planeClient({ baseUrl: server.url, key, audience: 'control', ...options });
const code = (expected: string) => expect.objectContaining({ code: expected });

describe('a call to the other plane', () => {
  it('carries parameters, query and body, and tells who asks', async () => {
    const answer = await client().call(
      { method: 'POST', path: '/v1/internal/echo/a%20b?again=yes', json: { text: 'hi' } },
      answerSchema,
    );
    expect(answer).toEqual({ said: 'a b yes hi', node: nodeIdOf(key.kid) });
  });

  it('is null for a 404, and throws what the other plane threw', async () => {
    const get = (path: string) => client().call({ method: 'GET', path }, answerSchema);
    expect(await get('/v1/internal/nothing')).toBeNull();
    expect(await get('/v1/internal/absent')).toBeNull();
    const failed = await get('/v1/internal/refusing').catch((error) => error);
    expect(failed).toMatchObject({ code: 'storage_full', message: 'No room.', retryAfter: 7 });
  });

  it('opens to doors what is theirs, to planes the rest, under the id of one node', async () => {
    const asked = (caller: PlanePrivateKey, path: string, json?: object) =>
      client({ key: caller }).call({ method: json ? 'POST' : 'GET', path, json }, answerSchema);
    const node = nodeIdOf(key.kid);
    expect(await asked(doorsKey, '/v1/internal/of-doors')).toEqual({ said: 'opened', node });
    expect(await asked(key, '/v1/internal/of-doors')).toBeNull();
    expect(await asked(doorsKey, '/v1/internal/echo/a', { text: 'hi' })).toBeNull();
    const lined = await client({ key: doorsKey }).fetch({
      method: 'GET',
      path: '/v1/internal/lines',
    });
    const absent = await client({ key: doorsKey }).fetch({
      method: 'GET',
      path: '/v1/internal/absent',
    });
    expect([lined.status, absent.status]).toEqual([404, 404]);
    const nameless = async (answer: Response) => ({ ...(await answer.json()), request_id: '' });
    expect(await nameless(lined)).toEqual(await nameless(absent));
  });

  it('by a key that is configured as both is a plane’s, and opens nothing of the doors', async () => {
    const verifier = createServiceVerifier({
      audience: 'control',
      peers: fixedPeers([publicHalf(key)], [{ key: publicHalf(key), of: publicHalf(key) }]),
    });
    const request = { method: 'GET', path: '/v1/internal/of-doors' };
    const bound = { ...request, bodyDigest: bodyDigest() };
    const token = await mintServiceToken(key, 'control', bound);
    expect(await verifier.verify({ token, ...request })).toMatchObject({ kind: 'plane' });
  });

  it('is validated by the schema of the route', async () => {
    await expect(
      client().call(
        { method: 'POST', path: '/v1/internal/echo/x', json: { text: 1 } },
        answerSchema,
      ),
    ).rejects.toThrow(code('validation_failed'));
  });

  it('streams a file that is named by its digest, and an answer of lines', async () => {
    const path = join(folder, 'archive');
    const bytes = randomBytes(3_000_000);
    await writeFile(path, bytes);
    const file = { path, digest: bodyDigest(bytes) };
    const stored = await client().call(
      { method: 'PUT', path: '/v1/internal/files', file },
      z.object({ same: z.boolean() }),
    );
    expect(stored).toEqual({ same: true });
    const answer = await client().fetch({ method: 'GET', path: '/v1/internal/lines' });
    expect(answer.headers.get('x-kind')).toBe('lines');
    expect(await answer.text()).toBe('{"n":1}\n{"n":2}\n');
  });

  it('fails as unavailable when nobody answers, or nobody who knows this plane', async () => {
    const nobody = client({ baseUrl: 'http://127.0.0.1:9' });
    const stranger = client({ key: newPlaneKey() });
    for (const one of [nobody, stranger]) {
      await expect(
        one.call({ method: 'GET', path: '/v1/internal/nothing' }, answerSchema),
      ).rejects.toThrow(code('control_unavailable'));
    }
  });

  it('of another protocol is refused by either side, with both numbers', async () => {
    const newer = client({ protocol: PLANE_PROTOCOL + 1 });
    const failed = await newer
      .call({ method: 'GET', path: '/v1/internal/nothing' }, answerSchema)
      .catch((error) => error);
    expect(failed).toEqual(code('plane_mismatch'));
    expect(failed.message).toContain(`${PLANE_PROTOCOL + 1}`);
    expect(failed.message).toContain(`${PLANE_PROTOCOL}`);
    // The side that is asked refuses by itself, too.
    const answer = await raw({ protocol: '7' });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      error: 'plane_mismatch',
      detail: `This plane speaks protocol ${PLANE_PROTOCOL}, the one that asks 7.`,
    });
  });
});

/** A request by hand, good unless something of it is given. */
async function raw(change: {
  token?: string | undefined;
  body?: string;
  signed?: string;
  path?: string;
  method?: string;
  protocol?: string;
  url?: string;
}): Promise<Response> {
  const path = change.path ?? '/v1/internal/echo/x';
  const method = change.method ?? 'POST';
  const body = change.body ?? '{"text":"hi"}';
  const token =
    'token' in change
      ? change.token
      : await mintServiceToken(key, 'control', {
          method: 'POST',
          path: '/v1/internal/echo/x',
          bodyDigest: bodyDigest(change.signed ?? '{"text":"hi"}'),
        });
  return fetch((change.url ?? server.url) + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      [PLANE_PROTOCOL_HEADER]: change.protocol ?? String(PLANE_PROTOCOL),
    },
    ...(method === 'GET' ? {} : { body }),
  });
}

describe('a service token', () => {
  const good = { htm: 'POST', htu: '/v1/internal/echo/x', body: bodyDigest('{"text":"hi"}') };
  const now = () => Math.floor(Date.now() / 1000);
  async function signed(
    claims: Record<string, unknown>,
    header: Record<string, unknown> = {},
    by: PlanePrivateKey = key,
  ): Promise<string> {
    const full = {
      aud: 'karta-control',
      iat: now(),
      exp: now() + 60,
      jti: crypto.randomUUID(),
      ...good,
      ...claims,
    };
    return new SignJWT(full)
      .setProtectedHeader({ alg: 'EdDSA', typ: 'karta-service+jwt', kid: key.kid, ...header })
      .sign(await signingKey(by));
  }

  /** The one answer to whoever is not believed: that of a path that does not exist. */
  async function expectUnknown(answer: Response): Promise<void> {
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe('');
    expect(answer.headers.get(PLANE_PROTOCOL_HEADER)).toBeNull();
  }

  it('works once, for its method, path and body', async () => {
    const token = await signed({});
    expect((await raw({ token })).status).toBe(200);
    await expectUnknown(await raw({ token }));
    await expectUnknown(await raw({ path: '/v1/internal/echo/y' }));
    await expectUnknown(await raw({ path: '/v1/internal/echo/x?more=1' }));
    await expectUnknown(await raw({ method: 'PUT' }));
    const changed = await raw({ body: '{"text":"other"}' });
    expect(changed.status).toBe(400);
    expect((await raw({})).status).toBe(200);
  });

  it('is refused with another key, audience, type or time', async () => {
    const other = newPlaneKey();
    const refused: [string, string | undefined][] = [
      ['none at all', undefined],
      ['no token', 'x.y.z'],
      ['another key', await signed({}, {}, other)],
      ['an unknown kid', await signed({}, { kid: other.kid }, other)],
      ['another audience', await signed({ aud: 'karta-data' })],
      ['another type', await signed({}, { typ: 'karta-session+jwt' })],
      ['expired', await signed({ iat: now() - 200, exp: now() - 100 })],
      ['from the future', await signed({ iat: now() + 300, exp: now() + 360 })],
      ['too long a life', await signed({ exp: now() + 3600 })],
      ['no jti', await signed({ jti: undefined })],
      ['alg none', new UnsecuredJWT(decodeJwt(await signed({}))).encode()],
    ];
    for (const [why, token] of refused) {
      const answer = await raw({ token });
      expect(answer.status, why).toBe(404);
      await expectUnknown(answer);
    }
  });

  it('lives with clocks that are half a minute apart, not more', async () => {
    for (const [apart, status] of [
      [29, 'believed'],
      [-29, 'believed'],
      [100, 'refused'],
      [-100, 'refused'],
    ] as const) {
      const verifier = createServiceVerifier({
        audience: 'control',
        peers: fixedPeers([publicHalf(key)]),
        now: () => Date.now() + apart * 1000,
      });
      const token = await signed({ exp: now() + 60 });
      const told = await verifier.verify({ token, method: good.htm, path: good.htu });
      expect('refused' in told ? 'refused' : 'believed', `${apart} s`).toBe(status);
    }
  });
});

describe('the internal surface', () => {
  /** `fetch` sets its own Host. */
  function withHost(host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      mintServiceToken(key, 'control', {
        method: 'GET',
        path: '/v1/internal/lines',
        bodyDigest: bodyDigest(),
      })
        .then((token) => {
          const sent = httpRequest(`${server.url}/v1/internal/lines`, {
            headers: {
              host,
              authorization: `Bearer ${token}`,
              [PLANE_PROTOCOL_HEADER]: String(PLANE_PROTOCOL),
            },
          });
          sent.once('response', (answer) => {
            answer.resume();
            resolve(answer.statusCode ?? 0);
          });
          sent.once('error', reject);
          sent.end();
        })
        .catch(reject);
    });
  }

  it('is there for its own hosts only', async () => {
    expect(await withHost('127.0.0.1:1234')).toBe(200);
    expect(await withHost('LOCALHOST')).toBe(200);
    expect(await withHost('api.example.com')).toBe(404);
    expect(await withHost('127.0.0.1.example.com')).toBe(404);
  });

  it('is there for allowed addresses only', async () => {
    const elsewhere = await serve(PLANE_PROTOCOL, ['10.0.0.0/8']);
    try {
      expect((await raw({ url: elsewhere.url })).status).toBe(404);
    } finally {
      await elsewhere.close(0);
    }
  });

  it('cannot be configured without hosts and addresses', () => {
    const good = loopbackSurface(0);
    expect(internalSurface.safeParse(good).success).toBe(true);
    for (const missing of ['allowed_hosts', 'allowed_addresses']) {
      for (const value of [undefined, []]) {
        const failed = internalSurface.safeParse({ ...good, [missing]: value });
        expect(failed.error?.issues[0]?.path).toEqual([missing]);
      }
    }
    const said = internalSurface.safeParse({ ...good, allowed_hosts: [] }).error?.issues[0];
    expect(said?.message).toContain('KARTA_INTERNAL_HOSTS');
  });
});

describe('the keys of a home', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'karta-plane-keys-'));
    return () => rm(home, { recursive: true, force: true });
  });

  it('are made once, however many ask at first, and for their owner alone', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => planeKeys(home)));
    expect(new Set(all.map((keys) => JSON.stringify(keys))).size).toBe(1);
    expect(all[0]?.control.kid).not.toBe(all[0]?.data.kid);
    for (const name of ['plane-control.json', 'plane-data.json']) {
      expect((await stat(join(home, 'secrets', name))).mode & 0o777).toBe(0o600);
    }
  });

  it('that are damaged are named, and not shown', async () => {
    await planeKeys(home);
    const path = join(home, 'secrets', 'plane-data.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, 40));
    await expect(planeKeys(home)).rejects.toThrow(`${path} is damaged`);
  });
});
