import { request } from 'node:http';
import { connect } from 'node:net';
import { ERRORS } from '@karta/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineServer } from './testing/engine-server.ts';
import { KEYS } from './testing/test-control.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
beforeAll(async () => {
  server = await startEngineServer();
});
afterAll(() => server.close());

/** A problem without what differs between any two requests. */
async function problemOf(answer: Response) {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const { request_id, ...problem } = (await answer.json()) as Record<string, unknown>;
  expect(request_id).toBe(answer.headers.get('x-request-id'));
  return problem;
}

describe('what is not there', () => {
  it('is a problem document with a code and a suggestion', async () => {
    const answer = await server.call('GET', `/v1/sessions/sess_${'0'.repeat(24)}`);
    expect(answer.status).toBe(404);
    expect(await problemOf(answer)).toEqual({
      type: 'urn:karta:error:not_found',
      title: ERRORS.not_found.title,
      status: 404,
      detail: expect.any(String),
      error: 'not_found',
      suggestion: ERRORS.not_found.suggestion,
    });
  });

  it("is answered like what is another org's, on every operation", async () => {
    const { id } = await server.session();
    const absent = `sess_${'0'.repeat(24)}`;
    const operations: [string, (id: string) => string, unknown?][] = [
      ['GET', (one) => `/sessions/${one}`],
      ['PATCH', (one) => `/sessions/${one}`, {}],
      ['DELETE', (one) => `/sessions/${one}`],
      ['POST', (one) => `/sessions/${one}/cancel`],
      ['POST', (one) => `/sessions/${one}/messages`, { text: 'hi' }],
      ['GET', (one) => `/sessions/${one}/events`],
      ['PUT', (one) => `/sessions/${one}/inputs/inp_1`, { decision: 'deny' }],
      ['GET', (one) => `/sessions/${one}/connections`],
      ['GET', (one) => `/sessions/${one}/files`],
      ['GET', (one) => `/sessions/${one}/files/a.txt`],
      ['DELETE', (one) => `/sessions/${one}/files/a.txt`],
    ];
    for (const prefix of ['/v1', '/v1/projects/shop']) {
      for (const [method, path, body] of operations) {
        const options = body === undefined ? {} : { body };
        const foreign = { ...options, key: KEYS.foreign };
        const theirs = await server.call(method, prefix + path(id), foreign);
        const nobodys = await server.call(method, prefix + path(absent), foreign);
        expect(theirs.status, `${method} ${path('…')}`).toBe(404);
        expect(await problemOf(theirs)).toEqual(await problemOf(nobodys));
      }
    }
    const resumed = await server.call('POST', '/v1/sessions', {
      key: KEYS.foreign,
      body: { session_id: id },
    });
    expect(resumed.status).toBe(404);
    expect((await server.call('GET', `/v1/sessions/${id}`)).status).toBe(200);
  });

  it('includes what cannot be an id', async () => {
    for (const id of ['x', '%00', 'sess_%20', `sess_${'g'.repeat(24)}`, '%F0%9F%98%80', '..%2f']) {
      const answer = await server.call('GET', `/v1/sessions/${id}`);
      expect(answer.status, id).toBe(404);
    }
    const { id } = await server.session();
    for (const input of ['nothing', '%00', 'x'.repeat(300)]) {
      const body = { decision: 'deny' };
      const answer = await server.call('PUT', `/v1/sessions/${id}/inputs/${input}`, { body });
      expect(answer.status, input).toBe(404);
    }
  });

  it('includes projects of another org and unknown paths', async () => {
    for (const path of [
      '/v1/projects/theirs',
      '/v1/projects/theirs/sessions',
      '/v1/nothing',
      '/',
    ]) {
      const answer = await server.call('GET', path);
      expect(answer.status, path).toBe(404);
      await problemOf(answer);
    }
  });

  it('includes the internal pages', async () => {
    for (const path of ['/metrics', '/v1/internal', '/v1/internal/usage']) {
      expect((await server.call('GET', path)).status, path).toBe(404);
    }
  });
});

describe('a method that a path lacks', () => {
  it('is 405 and told which it has', async () => {
    for (const [method, path, allow] of [
      ['PUT', '/v1/sessions', 'GET, HEAD, OPTIONS, POST'],
      ['DELETE', '/v1/projects/shop/sessions', 'GET, HEAD, OPTIONS, POST'],
      ['POST', '/healthz', 'GET, HEAD, OPTIONS'],
      ['PATCH', `/v1/sessions/sess_${'0'.repeat(24)}/files/a/b`, 'DELETE, GET, HEAD, OPTIONS, PUT'],
      ['GET', `/v1/sessions/sess_${'0'.repeat(24)}/cancel`, 'OPTIONS, POST'],
    ] as const) {
      const answer = await server.call(method, path);
      expect(answer.status, `${method} ${path}`).toBe(405);
      expect(answer.headers.get('allow')).toBe(allow);
      expect(await problemOf(answer)).toMatchObject({ error: 'method_not_allowed' });
    }
  });

  it('is told by OPTIONS too', async () => {
    const answer = await server.call('OPTIONS', '/v1/sessions', { key: null });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
    expect((await server.call('OPTIONS', '/nothing', { key: null })).status).toBe(404);
  });
});

describe('odd requests', () => {
  it('a bad Host header is a problem document', async () => {
    const { port } = new URL(server.url);
    const answer = await new Promise<{ status: number; type: string }>((resolve, reject) => {
      request(
        { port, host: '127.0.0.1', path: '/healthz', headers: { host: 'a b' } },
        (incoming) => {
          incoming.resume();
          const type = incoming.headers['content-type'] ?? '';
          resolve({ status: incoming.statusCode ?? 0, type });
        },
      )
        .on('error', reject)
        .end();
    });
    expect(answer).toEqual({ status: 400, type: 'application/problem+json' });
  });

  it('bytes that are no HTTP get a 400 and harm nobody', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.end('NONSENSE\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 400 /);
    expect((await server.call('GET', '/healthz')).status).toBe(200);
  });
});

describe('request ids', () => {
  it('are the client’s when sane, else fresh, on every answer', async () => {
    const of = async (sent: string | undefined, path = '/healthz') => {
      const headers: Record<string, string> = sent === undefined ? {} : { 'x-request-id': sent };
      return (await server.call('GET', path, { headers })).headers.get('x-request-id');
    };
    expect(await of('my-id_1.2')).toBe('my-id_1.2');
    for (const insane of [undefined, 'a b', '<script>', 'x'.repeat(129)]) {
      expect(await of(insane)).toMatch(/^req_[0-9a-f]{24}$/);
    }
    expect(await of('mine', '/nothing')).toBe('mine');
    expect(await of('mine', '/v1/projects/shop/sessions')).toBe('mine');
  });
});
