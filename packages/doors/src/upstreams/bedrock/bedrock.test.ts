import { json, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyParts, type UpstreamKey } from '../../keys/key-parts.ts';
import { chunkFrame, exceptionFrame } from '../../testing/bedrock-frames.ts';
import {
  type Answering,
  type BedrockServer,
  refuse,
  serveBedrock,
} from '../../testing/bedrock-server.ts';
import { routeOf } from '../../wire/routes.ts';
import type { ModelCall, Upstream } from '../port.ts';
import { bedrockUpstream } from './bedrock.ts';

const REGION = 'eu-west-1';
const KEY = {
  access_key_id: 'AKIAKARTATESTKEY0001',
  secret_access_key: 'a/secret+of/forty+characters/0123456789a',
};
const TEMPORARY = {
  access_key_id: 'ASIAKARTATESTKEY0002',
  secret_access_key: 'another/secret/of/forty/characters/01234',
  session_token: 'a-session-token//+==',
};
const never = new AbortController().signal;

let server: BedrockServer;
let upstream: Upstream;
let before: Answering;
beforeEach(async () => {
  before = () => false;
  const keys = { keys: [KEY, TEMPORARY], region: REGION };
  server = await serveBedrock(keys, (call, response) => before(call, response));
  upstream = bedrockUpstream({ region: REGION, baseUrl: server.origin });
});
afterEach(async () => {
  upstream.close();
  await server.close();
});

function keyOf(parts: Record<string, string>, ownId: string | null = null): UpstreamKey {
  return { ownId, parts: new KeyParts({ ...parts, region: REGION }) };
}

function call(body: unknown, headers: Record<string, string> = {}, path = '/messages'): ModelCall {
  const route = routeOf('POST', `/anthropic/v1${path}`);
  if (route === null) throw new Error('no such route');
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { route, headers, body: bytes, channelId: 'c' };
}

const asked = (content: string, more: object = {}) => ({
  model: 'claude-sonnet-4-5',
  max_tokens: 1_000,
  messages: [{ role: 'user', content }],
  ...more,
});
const script = (...steps: object[]) => `please @@${JSON.stringify(steps)}@@`;
const lastBody = () => JSON.parse(server.requests.at(-1)?.body ?? '{}');

describe('a call of Bedrock', () => {
  it('is signed, names the model in its address, and answers as Anthropic does', async () => {
    const reply = await upstream.send(call(asked(script({ text: 'hello' }))), keyOf(KEY), never);
    expect(reply.status).toBe(200);
    expect(await json(reply.body)).toMatchObject({
      type: 'message',
      content: [{ type: 'text', text: 'hello' }],
    });
    const [sent] = server.requests;
    expect(sent?.url).toBe('/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke');
    expect(lastBody()).toMatchObject({
      anthropic_version: 'bedrock-2023-05-31',
      max_tokens: 1_000,
    });
    expect(lastBody()).not.toHaveProperty('model');
    expect(reply.headers['request-id']).toBe('e52df188-e57f-43bb-a1bf-cfb42fd11fcd');
  });

  it('streams, with a temporary key too', async () => {
    const body = asked(script({ think: 'hm', text: 'one two', n: 2 }), { stream: true });
    const reply = await upstream.send(call(body), keyOf(TEMPORARY), never);
    expect(reply.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const told = await text(reply.body);
    const names = [...told.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name);
    expect(names[0]).toBe('message_start');
    expect(names.at(-1)).toBe('message_stop');
    expect(told).toContain('"text":"one "');
    expect(told).not.toContain('amazon');
    expect(server.requests.at(-1)?.headers['x-amz-security-token']).toBe(TEMPORARY.session_token);
    expect(server.requests.at(-1)?.url).toMatch(/invoke-with-response-stream$/);
  });

  it('brings the betas that Bedrock knows in its body, and leaves what is Anthropic’s own', async () => {
    const own = { service_tier: 'auto', speed: 'standard', inference_geo: 'global' };
    const cached = {
      type: 'text',
      text: 'x',
      cache_control: { type: 'ephemeral', scope: 'global' },
    };
    const tool = { name: 't', input_schema: { type: 'object' } };
    const tools = [{ ...tool, eager_input_streaming: true }];
    const body = asked('hi', {
      ...own,
      anthropic_beta: ['not-from-here'],
      system: [cached],
      tools,
    });
    const betas = 'claude-code-20250219, context-1m-2025-08-07,advanced-tool-use-2025-11-20';
    const headers = { 'anthropic-beta': betas, 'anthropic-version': '2023-06-01' };
    const reply = await upstream.send(call(body, headers), keyOf(KEY), never);
    expect(reply.status).toBe(200);
    await text(reply.body);
    expect(lastBody().anthropic_beta).toEqual([
      'context-1m-2025-08-07',
      'tool-search-tool-2025-10-19',
    ]);
    expect(lastBody().system).toEqual([{ ...cached, cache_control: { type: 'ephemeral' } }]);
    expect(lastBody().tools).toEqual([tool]);
    expect(server.requests.at(-1)?.headers).not.toHaveProperty('anthropic-beta');
    expect(server.requests.at(-1)?.headers).not.toHaveProperty('anthropic-version');
  });

  it('counts tokens by the model’s own name, else by its profile’s', async () => {
    const counted = { model: 'claude-sonnet-4-6', messages: asked('a b c').messages };
    const reply = await upstream.send(
      call(counted, {}, '/messages/count_tokens'),
      keyOf(KEY),
      never,
    );
    expect(await json(reply.body)).toEqual({ input_tokens: expect.any(Number) });
    expect(server.requests.at(-1)?.url).toBe('/model/anthropic.claude-sonnet-4-6/count-tokens');

    before = ({ url }, response) => {
      if (!url.includes('/eu.anthropic')) refuse(response, 400, 'ValidationException', 'No.');
      else response.setHeader('content-type', 'application/json').end('{"inputTokens":7}');
      return true;
    };
    const second = await upstream.send(
      call(counted, {}, '/messages/count_tokens'),
      keyOf(KEY),
      never,
    );
    expect(await json(second.body)).toEqual({ input_tokens: 7 });
  });

  it.each([
    ['no JSON', '{', 400],
    ['no object', '[]', 400],
    ['no model', { messages: [] }, 400],
    ['another maker’s model', asked('x', { model: 'gpt-5' }), 404],
    ['a model that leads elsewhere', asked('x', { model: '../../x' }), 404],
  ])('is refused and not sent with %s', async (_what, body, status) => {
    const reply = await upstream.send(call(body), keyOf(KEY), never);
    expect(reply.status).toBe(status);
    expect(await json(reply.body)).toMatchObject({ type: 'error' });
    expect(server.requests).toEqual([]);
  });

  it('has no list of models', async () => {
    const route = routeOf('GET', '/anthropic/v1/models');
    if (route === null) throw new Error('no such route');
    const listed = { route, headers: {}, body: Buffer.alloc(0), channelId: 'c' };
    expect((await upstream.send(listed, keyOf(KEY), never)).status).toBe(404);
    expect(upstream.lacks).toContain('models');
  });
});

describe('a refusal of Bedrock', () => {
  const refused = async (status: number, exception: string, message: string) => {
    before = (_call, response) => {
      refuse(response, status, exception, message);
      return true;
    };
    const reply = await upstream.send(call(asked('x')), keyOf(KEY), never);
    return { status: reply.status, body: await json(reply.body), headers: reply.headers };
  };
  const error = (type: string, message: string) => ({ type: 'error', error: { type, message } });

  it.each([
    [400, 'ValidationException', 400, 'invalid_request_error'],
    [404, 'ResourceNotFoundException', 404, 'not_found_error'],
    [429, 'ThrottlingException', 429, 'rate_limit_error'],
    [429, 'ModelNotReadyException', 529, 'overloaded_error'],
    [400, 'ServiceQuotaExceededException', 429, 'rate_limit_error'],
    [408, 'ModelTimeoutException', 504, 'timeout_error'],
    [424, 'ModelErrorException', 500, 'api_error'],
    [500, 'InternalServerException', 500, 'api_error'],
    [503, 'ServiceUnavailableException', 529, 'overloaded_error'],
    [503, 'SomethingNew', 529, 'overloaded_error'],
    [413, 'SomethingNew', 413, 'request_too_large'],
  ])('%i %s is %i %s', async (status, exception, told, type) => {
    expect(await refused(status, exception, 'Because.')).toMatchObject({
      status: told,
      body: error(type, 'Because.'),
    });
  });

  it('names neither the account, the key nor the server', async () => {
    const { host } = new URL(server.origin);
    const arn = 'arn:aws:iam::123456789012:user/someone';
    const message = `${arn} of 123456789012 with ${KEY.access_key_id} at ${host} is too fast`;
    const told = JSON.stringify(await refused(429, 'ThrottlingException', message));
    for (const secret of ['123456789012', 'someone', KEY.access_key_id, host]) {
      expect(told).not.toContain(secret);
    }
    expect(told).toContain('is too fast');
  });

  it.each([
    [403, 'AccessDeniedException', 403],
    [403, 'UnrecognizedClientException', 401],
    [403, 'ExpiredTokenException', 401],
    [400, 'IncompleteSignatureException', 401],
  ])('%i %s is one of the key', async (status, exception, told) => {
    const refusal = await refused(status, exception, `${KEY.access_key_id} may not`);
    expect(refusal.status).toBe(told);
    const message = /^Expired/.test(exception)
      ? "The model provider says that the platform's temporary key has expired."
      : "The model provider refused the platform's key.";
    expect(refusal.body).toMatchObject({ error: { message } });
  });

  it('of a key that is wrong is one of the key', async () => {
    const wrong = { ...KEY, secret_access_key: 'a/wrong/secret/of/forty/characters/01234' };
    for (const key of [wrong, { ...KEY, access_key_id: 'AKIAUNKNOWN000000001' }]) {
      const reply = await upstream.send(call(asked('x')), keyOf(key, 'pkey_1'), never);
      expect(reply.status).toBe(401);
      expect(await text(reply.body)).toContain("the org's own key");
    }
  });

  it('for our clock says nothing of the key', async () => {
    const message = 'Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z';
    const refusal = await refused(403, 'InvalidSignatureException', message);
    expect(refusal).toMatchObject({ status: 500, body: { error: { type: 'api_error' } } });
    expect(JSON.stringify(refusal.body)).toContain('clock');
  });

  it.each([200, 404, 502])('that is a page of status %i is a bad gateway', async (status) => {
    before = (_call, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('<html>secret</html>');
      return true;
    };
    const reply = await upstream.send(call(asked('x', { stream: true })), keyOf(KEY), never);
    expect(reply).toMatchObject({ status: 502, providerStatus: status });
    expect(await text(reply.body)).not.toContain('secret');
  });

  it('within a stream is an error event, and the stream ends', async () => {
    before = (_call, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      response.write(chunkFrame({ type: 'ping' }));
      // The connection stays open: nobody waits for its end.
      response.write(exceptionFrame('throttlingException', `${KEY.access_key_id} is too fast`));
      return true;
    };
    const reply = await upstream.send(call(asked('x', { stream: true })), keyOf(KEY), never);
    const told = await text(reply.body);
    expect(told).toContain(
      'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error"',
    );
    expect(told).not.toContain(KEY.access_key_id);
  });

  it('that never comes ends with whoever waits for it', async () => {
    const came = new Promise<void>((resolve) => {
      before = () => {
        resolve();
        return true;
      };
    });
    const gone = new AbortController();
    const sent = upstream.send(call(asked('x')), keyOf(KEY), gone.signal);
    await came;
    gone.abort();
    await expect(sent).rejects.toThrow('could not be reached');
  });

  it('a connection that is cut within a stream is seen cut', async () => {
    before = (_call, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      response.write(chunkFrame({ type: 'ping' }), () => response.destroy());
      return true;
    };
    const reply = await upstream.send(call(asked('x', { stream: true })), keyOf(KEY), never);
    await expect(text(reply.body)).rejects.toThrow();
  });
});

describe('a key that is tried', () => {
  it('is taken, refused, or known and not let near the question', async () => {
    expect(await upstream.probe?.(keyOf(KEY), never)).toEqual({ status: 200, knownOnly: false });
    expect(server.requests.at(-1)?.url).toBe('/foundation-models?byProvider=anthropic');
    const unknown = keyOf({ ...KEY, access_key_id: 'AKIAUNKNOWN000000001' });
    expect(await upstream.probe?.(unknown, never)).toEqual({ status: 403, knownOnly: false });
    before = (_call, response) => {
      refuse(response, 403, 'AccessDeniedException', 'User is not authorized to perform');
      return true;
    };
    expect(await upstream.probe?.(keyOf(KEY), never)).toEqual({ status: 403, knownOnly: true });
  });
});
