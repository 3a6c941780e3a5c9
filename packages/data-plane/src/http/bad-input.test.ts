import { request } from 'node:http';
import { connect } from 'node:net';
import { LIMITS } from '@karta/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineServer } from './testing/engine-server.ts';
import { KEYS } from './testing/test-control.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
let messages: string;
beforeAll(async () => {
  server = await startEngineServer();
  messages = `/v1/sessions/${(await server.session()).id}/messages`;
});
afterAll(() => server.close());

interface Problem {
  error: string;
  detail: string;
  suggestion: string;
  errors?: { pointer: string; message: string }[];
}

async function refused(answer: Response, status: number): Promise<Problem> {
  const problem = (await answer.json()) as Problem;
  expect([answer.status, problem.error]).toEqual([status, problem.error]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(problem.suggestion).not.toBe('');
  return problem;
}

describe('a body that is not JSON', () => {
  it('is 400 and tells where', async () => {
    const answer = await server.call('POST', messages, { body: '{"text": "hi" "stream": true}' });
    const problem = await refused(answer, 400);
    expect(problem.error).toBe('invalid_json');
    expect(problem.detail).toContain('position 14');
  });

  it.each(['{', '"', 'nul', '{"text":"secret-value"', "{'a':1}", '\u0000', '[1,]'])(
    'is 400 without quoting it: %j',
    async (body) => {
      const problem = await refused(await server.call('POST', messages, { body }), 400);
      expect(problem.error).toBe('invalid_json');
      expect(JSON.stringify(problem)).not.toContain('secret-value');
    },
  );

  it('is 400 when it is not UTF-8', async () => {
    const answer = await fetch(server.url + messages, {
      method: 'POST',
      headers: { 'x-api-key': KEYS.full, 'content-type': 'application/json' },
      body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect((await refused(answer, 400)).error).toBe('invalid_json');
  });

  it('is 422 when it is JSON but no object', async () => {
    for (const body of ['[]', '"text"', 'null', '7', 'true']) {
      const problem = await refused(await server.call('POST', messages, { body }), 422);
      expect(problem.errors).toEqual([{ pointer: '', message: 'must be a JSON object' }]);
    }
  });
});

describe('a body that would not be stored as it was sent', () => {
  it.each([
    ['{"metadata":{"__proto__":{"a":1}}}', 'must not have a field named __proto__'],
    ['{"metadata":{"a":[{"__proto__":1}]}}', 'must not have a field named __proto__'],
    ['{"metadata":{"a":1e999}}', 'must not hold a number beyond 1.8e308'],
    ['{"metadata":{"a":[-1e999]}}', 'must not hold a number beyond 1.8e308'],
  ])('is 422: %s', async (body, message) => {
    const problem = await refused(await server.call('POST', '/v1/sessions', { body }), 422);
    expect(problem.errors).toEqual([{ pointer: '', message }]);
  });

  it('is 415 when it is encoded', async () => {
    const headers = { 'content-encoding': 'gzip' };
    const options = { body: '{"text":"hi"}', headers };
    const problem = await refused(await server.call('POST', messages, options), 415);
    expect(problem.detail).toContain('Content-Encoding');
  });
});

describe('bytes that are no request', () => {
  it.each([
    ['no HTTP', 'GARBAGE\r\n\r\n'],
    ['no Host', 'GET /v1/sessions HTTP/1.1\r\nconnection: close\r\n\r\n'],
    [
      'two lengths',
      'POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['headers without end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`],
  ])('are told so: %s', async (_name, bytes) => {
    const answer = await overTcp(bytes);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toMatch(/^x-request-id: req_/im);
    expect(answer).toMatch(/^content-type: application\/problem\+json/im);
    const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as Problem;
    expect(problem).toMatchObject({ error: 'invalid_request', status: 400 });
  });
});

/** All that the server says to these bytes until it closes the connection. */
function overTcp(bytes: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  socket.once('error', reject);
  socket.once('close', () => resolve(answer));
  socket.write(bytes);
  return promise;
}

describe('a content type', () => {
  it('that is not JSON is 415, and so is none', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
      const answer = await server.call('POST', messages, {
        body: '{"text":"hi"}',
        headers: { 'content-type': type },
      });
      expect((await refused(answer, 415)).error).toBe('unsupported_media_type');
    }
    const answer = await fetch(server.url + messages, {
      method: 'POST',
      headers: { 'x-api-key': KEYS.full },
      body: Buffer.from('{"text":"hi"}'),
    });
    await refused(answer, 415);
  });

  it('may carry a charset', async () => {
    const answer = await server.call('POST', messages, {
      body: '\ufeff{"text":"hi"}',
      headers: { 'content-type': 'Application/JSON; charset=utf-8' },
    });
    expect(answer.status).toBe(200);
  });
});

describe('a body of 12 MB', () => {
  const body = JSON.stringify({ text: 'x'.repeat(12 * 1024 * 1024) });

  it('is 413 by its content-length', async () => {
    const problem = await refused(await server.call('POST', messages, { body }), 413);
    expect(problem).toMatchObject({ error: 'payload_too_large', limit_bytes: 10_485_760 });
  });

  it('is 413 without one', async () => {
    const answer = await fetch(server.url + messages, {
      method: 'POST',
      headers: { 'x-api-key': KEYS.full, 'content-type': 'application/json' },
      body: new Blob([body]).stream(),
      duplex: 'half',
    } as RequestInit);
    await refused(answer, 413);
  });

  it('that ends early harms nobody', async () => {
    const { port } = new URL(server.url);
    await new Promise<void>((resolve) => {
      const half = request({
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: messages,
        headers: {
          'x-api-key': KEYS.full,
          'content-type': 'application/json',
          'content-length': '1000',
        },
      });
      half.on('error', () => resolve());
      half.write('{"text":', () => half.destroy(new Error('gone')));
    });
    expect((await server.call('GET', '/healthz')).status).toBe(200);
  });
});

describe('fields', () => {
  it('that are unknown are named, with what was probably meant', async () => {
    const answer = await server.call('POST', '/v1/sessions', {
      body: { sesion_id: 'x', metadat: {}, 'a/b~c': 1 },
    });
    const problem = await refused(answer, 422);
    expect(problem.errors).toEqual([
      { pointer: '/sesion_id', message: 'unknown field; did you mean "session_id"?' },
      { pointer: '/metadat', message: 'unknown field; did you mean "metadata"?' },
      { pointer: '/a~1b~0c', message: 'unknown field' },
    ]);
    expect(problem.detail).toBe(
      '/sesion_id: unknown field; did you mean "session_id"? (and 2 more)',
    );
  });

  it('of attachments are named too', async () => {
    const attachments = [{ path: 'a.txt' }, { name: 'b', data: 'aGk=', mediatype: 'text/plain' }];
    const answer = await server.call('POST', messages, { body: { text: 'hi', attachments } });
    expect((await refused(answer, 422)).errors).toEqual([
      { pointer: '/attachments/1/mediatype', message: expect.stringContaining('media_type') },
    ]);
  });

  it('of the wrong type or missing are told with their place', async () => {
    const answer = await server.call('POST', messages, {
      body: { stream: 'yes', if_busy: 'wait', participant_type: 'cat' },
    });
    const pointers = (await refused(answer, 422)).errors?.map((one) => one.pointer);
    expect(pointers?.sort()).toEqual(['/if_busy', '/participant_type', '/stream', '/text']);
    const empty = await refused(await server.call('POST', messages, { body: {} }), 422);
    expect(empty.errors).toEqual([{ pointer: '/text', message: 'is required' }]);
  });

  it('of an input are checked before anything is answered', async () => {
    const path = messages.replace('messages', 'inputs/inp_1');
    const answer = await server.call('PUT', path, { body: { decision: 'approve_always' } });
    expect((await refused(answer, 422)).errors?.[0]?.pointer).toBe('/decision');
  });
});

describe('metadata', () => {
  const create = (metadata: unknown) => server.call('POST', '/v1/sessions', { body: { metadata } });
  const keys = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`key_${n}`, n]));

  it('has at most 50 keys', async () => {
    expect((await create(keys(50))).status).toBe(201);
    const problem = await refused(await create(keys(51)), 422);
    expect(problem.errors).toEqual([
      { pointer: '/metadata', message: expect.stringMatching(/50/) },
    ]);
  });

  it('has at most 16 KB', async () => {
    const problem = await refused(await create({ big: 'x'.repeat(20 * 1024) }), 422);
    expect(problem.errors?.[0]?.message).toContain(String(LIMITS.metadataBytes));
  });

  it('is text that can be stored', async () => {
    for (const bad of ['"\\ud800"', '"a\\u0000b"', '["ok", {"deep": "\\udfff"}]']) {
      const body = `{"metadata":{"a":${bad}}}`;
      await refused(await server.call('POST', '/v1/sessions', { body }), 422);
    }
    const body = '{"metadata":{"\\ud800":1}}';
    await refused(await server.call('POST', '/v1/sessions', { body }), 422);
  });

  it('under __proto__ and friends harms nothing', async () => {
    const body = '{"metadata":{"constructor":"c","toString":"t"}}';
    const answer = await server.call('POST', '/v1/sessions', { body });
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({ metadata: { constructor: 'c', toString: 't' } });
    const top = '{"__proto__":{"polluted":true},"metadata":{}}';
    await refused(await server.call('POST', '/v1/sessions', { body: top }), 422);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('is refused when nested without end, quickly', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const body = `{"metadata":{"a":${deep}}}`;
    const problem = await refused(await server.call('POST', '/v1/sessions', { body }), 422);
    expect(problem.detail).toContain(String(LIMITS.jsonDepth));
  });
});

describe('text', () => {
  it('must not be empty, over its limit, or what cannot be stored', async () => {
    for (const text of ['', 'x'.repeat(1024 * 1024), 'a\u0000b', 'a\ud800b']) {
      const answer = await server.call('POST', messages, { body: { text } });
      const problem = await refused(answer, 422);
      expect(problem.errors?.[0]?.pointer).toBe('/text');
    }
  });

  it('is counted in bytes', async () => {
    const text = 'é'.repeat(LIMITS.messageTextBytes / 2);
    const ok = await server.call('POST', messages, { body: { text } });
    expect(ok.status).toBe(200);
    await refused(await server.call('POST', messages, { body: { text: `${text}é` } }), 422);
  });
});

describe('what is not there', () => {
  it('is told: agent, session, input', async () => {
    const answer = await server.call('POST', messages, { body: { text: 'x', agent: 'nobody' } });
    const problem = await refused(answer, 422);
    expect(problem.error).toBe('unknown_agent');
    expect(problem.detail).toContain('reviewer');
    const absent = `/v1/sessions/sess_${'0'.repeat(24)}/messages`;
    await refused(await server.call('POST', absent, { body: { text: 'x' } }), 404);
    const input = messages.replace('messages', 'inputs/inp_1');
    await refused(await server.call('PUT', input, { body: { decision: 'deny' } }), 404);
  });

  it('includes a cursor that was never given out', async () => {
    for (const cursor of ['x', '0', Buffer.from('[1,2]').toString('base64url'), '%00']) {
      await refused(await server.call('GET', `/v1/sessions?cursor=${cursor}`), 422);
    }
  });

  it('includes filters that match nothing, however odd', async () => {
    for (const filter of ['metadata[%F0%9F%98%80]=x', 'metadata[a]=%ED%A0%80']) {
      const answer = await server.call('GET', `/v1/projects/desk/sessions?${filter}`);
      expect(answer.status, filter).toBe(200);
    }
    for (const filter of ['metadata[]=1', 'metadata[a=1']) {
      await refused(await server.call('GET', `/v1/sessions?${filter}`), 400);
    }
  });

  it('is told of filters that are none, in place of everything there is', async () => {
    for (const query of [
      'customer=c-1',
      'metadata=1',
      'metadata[a]=%00',
      'limit=1&limit=2',
      'statsu=active',
    ]) {
      await refused(await server.call('GET', `/v1/sessions?${query}`), 422);
    }
  });
});

describe('an ended session', () => {
  it('takes no message', async () => {
    const { id } = await server.session();
    await server.call('DELETE', `/v1/sessions/${id}`);
    const body = { text: 'hi' };
    const answer = await server.call('POST', `/v1/sessions/${id}/messages`, { body });
    await refused(answer, 404);
  });
});

describe('whatever is sent', () => {
  it('is answered by a status below 500, as a problem or as JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string()), async (body) => {
        const answer = await server.call('POST', '/v1/sessions', { body });
        expect(answer.status).toBeLessThan(500);
        const value = (await answer.json()) as { error?: string; id?: string };
        expect(value.error ?? value.id).toEqual(expect.any(String));
      }),
      { numRuns: 60 },
    );
  });
});
