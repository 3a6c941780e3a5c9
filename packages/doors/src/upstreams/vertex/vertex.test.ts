import type { ServerResponse } from 'node:http';
import { json, text } from 'node:stream/consumers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KeyParts, type UpstreamKey } from '../../keys/key-parts.ts';
import { answerReader } from '../../metering/answer-reader.ts';
import { newServiceAccount, type TestServiceAccount } from '../../testing/google-account.ts';
import {
  google,
  serveVertex,
  type VertexCall,
  type VertexServer,
} from '../../testing/vertex-server.ts';
import { routeOf } from '../../wire/routes.ts';
import { type ModelCall, type Upstream, UpstreamError } from '../port.ts';
import { vertexUpstream } from './vertex.ts';

const never = new AbortController().signal;

let account: TestServiceAccount;
let stranger: TestServiceAccount;
beforeAll(() => {
  account = newServiceAccount();
  stranger = newServiceAccount('test-project');
});

let server: VertexServer;
let upstream: Upstream;
let before: (call: VertexCall, response: ServerResponse) => boolean;
beforeEach(async () => {
  before = () => false;
  server = await serveVertex([account], (call, response) => before(call, response));
  upstream = vertexOf();
});
afterEach(async () => {
  upstream.close();
  await server.close();
});

function vertexOf(more: { location?: string; project?: string; baseUrl?: string } = {}): Upstream {
  const { baseUrl, tokenUrl } = server;
  return vertexUpstream({ location: 'us-east5', project: null, baseUrl, tokenUrl, ...more });
}

function keyOf(file: string, ownId: string | null = null): UpstreamKey {
  return { ownId, parts: new KeyParts({ service_account: file, location: 'us-east5' }) };
}

function call(body: unknown, headers: Record<string, string> = {}, path = '/messages'): ModelCall {
  const route = routeOf('POST', `/anthropic/v1${path}`);
  if (route === null) throw new Error('no such route');
  return { route, headers, body: Buffer.from(JSON.stringify(body)), channelId: 'c' };
}

const asked = (content: string, more: object = {}) => ({
  model: 'claude-sonnet-4-5',
  max_tokens: 1_000,
  messages: [{ role: 'user', content }],
  ...more,
});
const script = (...steps: object[]) => `please @@${JSON.stringify(steps)}@@`;
const ask = (more: object = {}, key = keyOf(account.file)) =>
  upstream.send(call(asked('x', more)), key, never);
const PREFIX = '/v1/projects/test-project/locations/us-east5/publishers/anthropic/models';

describe('a call of Vertex', () => {
  it('goes to the project’s model with a token of the account', async () => {
    const reply = await upstream.send(
      call(asked(script({ text: 'hello' }))),
      keyOf(account.file),
      never,
    );
    expect(await json(reply.body)).toMatchObject({ content: [{ type: 'text', text: 'hello' }] });
    const [sent] = server.requests;
    expect(sent?.url).toBe(`${PREFIX}/claude-sonnet-4-5@20250929:rawPredict`);
    expect(sent?.headers.authorization).toMatch(/^Bearer ya29\./);
    const body = JSON.parse(sent?.body ?? '');
    expect(body).toMatchObject({ anthropic_version: 'vertex-2023-10-16', max_tokens: 1_000 });
    expect(body).not.toHaveProperty('model');
    expect(body).not.toHaveProperty('stream');
    expect(server.signIns).toEqual([account.email]);
  });

  it('streams, without the event that Google adds, and is counted by Anthropic’s', async () => {
    const body = asked(script({ text: 'abcdefgh' }), { stream: true });
    const reply = await upstream.send(call(body), keyOf(account.file), never);
    const told = await text(reply.body);
    expect(server.requests[0]?.url).toBe(`${PREFIX}/claude-sonnet-4-5@20250929:streamRawPredict`);
    expect(JSON.parse(server.requests[0]?.body ?? '').stream).toBe(true);
    expect(told).toMatch(/^event: message_start\n.*event: message_stop\ndata: [^\n]*\n\n$/s);
    expect(told).not.toContain('vertex_event');
    const reader = answerReader('messages', 'text/event-stream');
    reader.push(Buffer.from(told));
    expect(reader.told).toMatchObject({ output: 2, final: true });
  });

  it('goes to another project where the operator says so', async () => {
    upstream.close();
    upstream = vertexOf({ project: 'other-project', location: 'global' });
    expect((await ask()).status).toBe(403);
    expect(server.requests[0]?.url).toContain('/v1/projects/other-project/locations/global/');
  });

  it('goes to the same place by an address without a version', async () => {
    upstream.close();
    upstream = vertexOf({ baseUrl: new URL(server.baseUrl).origin });
    expect((await ask()).status).toBe(200);
    expect(server.requests[0]?.url).toContain(PREFIX);
  });

  it('counts tokens', async () => {
    const counted = { model: 'claude-sonnet-4-6', messages: asked('a b c').messages };
    const reply = await upstream.send(
      call(counted, {}, '/messages/count_tokens'),
      keyOf(account.file),
      never,
    );
    expect(await json(reply.body)).toEqual({ input_tokens: expect.any(Number) });
    expect(server.requests[0]?.url).toBe(`${PREFIX}/count-tokens:rawPredict`);
    expect(JSON.parse(server.requests[0]?.body ?? '').model).toBe('claude-sonnet-4-6');
  });

  it('brings the betas that Vertex knows', async () => {
    const betas = 'claude-code-20250219,context-1m-2025-08-07, prompt-caching-scope-2026-01-05';
    const headers = { 'anthropic-beta': betas, 'anthropic-version': '2023-06-01' };
    await upstream.send(call(asked('x'), headers), keyOf(account.file), never);
    expect(server.requests[0]?.headers['anthropic-beta']).toBe('context-1m-2025-08-07');
    expect(server.requests[0]?.headers).not.toHaveProperty('anthropic-version');
  });

  it.each([
    ['another maker’s model', 'gpt-5', 404],
    ['a model that leads elsewhere', 'claude-x/../../y', 404],
    ['a method in the model', 'claude-x:predict', 404],
    ['no model', 7, 400],
  ])('is refused and not sent with %s', async (_what, model, status) => {
    expect((await ask({ model })).status).toBe(status);
    expect(server.requests).toEqual([]);
    expect(server.signIns).toEqual([]);
  });
});

describe('signing in', () => {
  it('is done once for however many calls', async () => {
    await Promise.all(Array.from({ length: 8 }, () => ask()));
    await ask();
    expect(server.requests).toHaveLength(9);
    expect(server.signIns).toHaveLength(1);
  });

  it('is done again before a token ends, and at once when it is taken back', async () => {
    server.tokenLifeS = 20;
    await ask();
    await ask();
    expect(server.signIns).toHaveLength(2);
    server.tokenLifeS = 3_599;
    await ask();
    server.revoke();
    expect((await ask()).status).toBe(200);
    expect(server.signIns).toHaveLength(4);
  });

  it('is of each account by itself', async () => {
    const other = newServiceAccount('other-project');
    await ask();
    expect((await ask({}, keyOf(other.file))).status).toBe(401);
    expect(server.requests).toHaveLength(1);
  });

  it('goes where Google is, whatever the file says', async () => {
    const file = { ...JSON.parse(account.file), token_uri: 'http://127.0.0.1:9/stolen' };
    file.auth_uri = file.token_uri;
    expect((await ask({}, keyOf(JSON.stringify(file)))).status).toBe(200);
  });

  it.each([
    [
      'a stranger’s key',
      () => JSON.stringify({ ...JSON.parse(stranger.file), client_email: account.email }),
    ],
    ['no JSON', () => 'x'],
    ['no key', () => JSON.stringify({ ...JSON.parse(account.file), private_key: 'x' })],
    [
      'a project that leads elsewhere',
      () => JSON.stringify({ ...JSON.parse(account.file), project_id: '../x' }),
    ],
    [
      'another universe',
      () => JSON.stringify({ ...JSON.parse(account.file), universe_domain: 'evil.example' }),
    ],
  ])('with %s is refused as a key is', async (_what, file) => {
    const reply = await ask({}, keyOf(file(), 'pkey_1'));
    expect(reply.status).toBe(401);
    expect(await text(reply.body)).toContain("refused the org's own key");
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['is down', 503, '{"error":"internal_failure"}'],
    [
      'finds our clock wrong',
      400,
      '{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}',
    ],
    ['answers a page', 200, '<html>'],
    [
      'gives a token that is none',
      200,
      '{"access_token":"a\\nb","expires_in":1,"token_type":"Bearer"}',
    ],
    ['gives one without an end', 200, '{"access_token":"a","token_type":"Bearer"}'],
  ])('that %s says nothing of the key, and nothing was sent', async (_what, status, answer) => {
    before = ({ url }, response) => {
      if (url === '/token') response.writeHead(status).end(answer);
      return url === '/token';
    };
    const error = await ask().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UpstreamError);
    expect(error).toMatchObject({ sent: false });
    expect(String(error)).not.toContain(server.tokenUrl);
  });
});

describe('a refusal of Vertex', () => {
  const refused = async (status: number, message: string) => {
    before = ({ url }, response) => {
      if (url !== '/token') google(response, status, 'SOME_STATUS', message);
      return url !== '/token';
    };
    const reply = await ask();
    return { status: reply.status, body: await json(reply.body) };
  };

  it.each([
    [400, 400, 'invalid_request_error'],
    [404, 404, 'not_found_error'],
    [429, 429, 'rate_limit_error'],
    [500, 500, 'api_error'],
    [503, 529, 'overloaded_error'],
    [504, 504, 'timeout_error'],
  ])('%i is %i %s', async (status, told, type) => {
    expect(await refused(status, 'Because.')).toEqual({
      status: told,
      body: { type: 'error', error: { type, message: 'Because.' } },
    });
  });

  it.each([401, 403])('%i is one of the key', async (status) => {
    const refusal = await refused(status, 'No.');
    expect(refusal.status).toBe(status);
    expect(JSON.stringify(refusal.body)).toContain("refused the platform's key");
  });

  it('names neither the project, the account, the token nor the server', async () => {
    await ask();
    const token = server.requests[0]?.headers.authorization?.replace('Bearer ', '') ?? '';
    const { host } = new URL(server.baseUrl);
    const model = 'projects/test-project/locations/us-east5/publishers/anthropic/models/claude-x';
    const message = `${model} was not found for ${account.email} with ${token} at ${host}`;
    const told = JSON.stringify(await refused(404, message));
    for (const secret of ['test-project', account.email, token, host, 'locations']) {
      expect(told).not.toContain(secret);
    }
    expect(told).toContain('was not found');
  });

  it('is understood in Anthropic’s own form, and in a list', async () => {
    const error = { type: 'invalid_request_error', message: 'prompt is too long' };
    for (const body of [{ type: 'error', error }, [{ error: { ...error, code: 400 } }]]) {
      before = ({ url }, response) => {
        if (url !== '/token') response.writeHead(400).end(JSON.stringify(body));
        return url !== '/token';
      };
      expect(await json((await ask()).body)).toEqual({ type: 'error', error });
    }
  });

  it('that is a page is a bad gateway', async () => {
    before = ({ url }, response) => {
      if (url !== '/token') response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
      return url !== '/token';
    };
    expect(await ask({ stream: true })).toMatchObject({ status: 502, providerStatus: 200 });
  });
});

it('a key is tried by a count of tokens', async () => {
  expect(await upstream.probe?.(keyOf(account.file), never)).toMatchObject({ status: 200 });
  expect(server.requests[0]?.url).toBe(`${PREFIX}/count-tokens:rawPredict`);
  expect(await upstream.probe?.(keyOf(stranger.file), never)).toMatchObject({ status: 401 });
});
