import { describe, expect, test } from 'vitest';
import { json, problem, scriptedServer } from '../test/scripted-server.ts';
import {
  ApiError,
  AuthenticationError,
  BudgetError,
  ConflictError,
  ConnectionError,
  GoneError,
  InvalidRequestError,
  KartaSdkError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  ServerError,
  UnexpectedAnswerError,
} from './errors.ts';
import { Transport } from './transport.ts';

function transport(url: string, maxRetries = 3): Transport {
  return new Transport({
    apiKey: 'kt_live_x',
    baseUrl: `${url}/`,
    maxRetries,
    backoff: { firstMs: 1, maxMs: 2 },
  });
}

describe('a refusal becomes the error of its status', () => {
  const kinds = [
    [400, InvalidRequestError],
    [401, AuthenticationError],
    [402, BudgetError],
    [403, PermissionError],
    [404, NotFoundError],
    [409, ConflictError],
    [410, GoneError],
    [413, InvalidRequestError],
    [415, InvalidRequestError],
    [422, InvalidRequestError],
    [429, RateLimitError],
    [500, ServerError],
    [507, ServerError],
  ] as const;
  test.each(kinds)('%i', async (status, Kind) => {
    await using server = await scriptedServer((_, response) =>
      problem(response, status, 'some_code', {}, { 'retry-after': '9' }),
    );
    const error = await transport(server.url, 0)
      .json({ method: 'GET', path: '/v1/x' })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Kind);
    expect(KartaSdkError.is(error)).toBe(true);
    expect(error).toMatchObject({
      name: Kind.name,
      status,
      code: 'some_code',
      suggestion: 'Do this.',
      requestId: 'req_test',
      retryAfter: 9,
      message: 'detail of some_code',
    });
  });

  test('an answer that is no problem document is named as such', async () => {
    await using server = await scriptedServer((_, response) => {
      response.writeHead(404).end('<h1>nginx</h1>');
    });
    const call = transport(server.url).json({ method: 'GET', path: '/v1/x' });
    await expect(call).rejects.toThrow(UnexpectedAnswerError);
    expect(server.seen).toHaveLength(1);
  });
});

describe('repetition', () => {
  test('a POST is repeated under the same idempotency key until it is answered', async () => {
    await using server = await scriptedServer((_, response, index) => {
      if (index < 2) response.destroy();
      else json(response, 201, { id: 1 });
    });
    const answer = await transport(server.url).json({ method: 'POST', path: '/v1/x', json: {} });
    expect(answer).toEqual({ id: 1 });
    const keys = server.seen.map((request) => request.headers['idempotency-key']);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(keys).size).toBe(1);
  });

  test('an answer cut off in its body is asked for again', async () => {
    await using server = await scriptedServer((_, response, index) => {
      if (index > 0) return json(response, 200, { whole: true });
      response.writeHead(200, { 'content-length': '100' }).write('{"who', () => response.destroy());
    });
    const call = transport(server.url).json({ method: 'GET', path: '/v1/x' });
    expect(await call).toEqual({ whole: true });
  });

  test('503 is repeated after Retry-After; 500 and 4xx are not', async () => {
    await using server = await scriptedServer((_, response, index) => {
      if (index === 0) return problem(response, 503, 'capacity', {}, { 'retry-after': '0' });
      problem(response, 500, 'internal');
    });
    const call = transport(server.url).json({ method: 'GET', path: '/v1/x' });
    await expect(call).rejects.toThrow(ServerError);
    expect(server.seen).toHaveLength(2);
  });

  test('a server that asks to wait for minutes is reported', async () => {
    await using server = await scriptedServer((_, response) =>
      problem(response, 429, 'rate_limited', {}, { 'retry-after': '600' }),
    );
    const call = transport(server.url).json({ method: 'GET', path: '/v1/x' });
    await expect(call).rejects.toMatchObject({ retryAfter: 600 });
    expect(server.seen).toHaveLength(1);
  });

  test('what would not be the same twice is sent once', async () => {
    await using server = await scriptedServer((_, response) => {
      response.destroy();
    });
    const client = transport(server.url);
    const unsafe = client.json({ method: 'PUT', path: '/v1/x', json: {}, repeat: 'unsafe' });
    await expect(unsafe).rejects.toThrow(ConnectionError);
    const body = new Blob(['once']).stream();
    const stream = client.json({ method: 'PUT', path: '/v1/x', body });
    await expect(stream).rejects.toThrow(ConnectionError);
    expect(server.seen.length).toBeLessThanOrEqual(2);
  });

  test('a redirect is refused, so that no other server sees the key', async () => {
    await using elsewhere = await scriptedServer((_, response) => json(response, 200, {}));
    await using server = await scriptedServer((_, response) => {
      response.writeHead(307, { location: `${elsewhere.url}/v1/x` }).end();
    });
    const call = transport(server.url, 0).json({ method: 'POST', path: '/v1/x', json: {} });
    await expect(call).rejects.toThrow(ConnectionError);
    expect(elsewhere.seen).toHaveLength(0);
  });

  test('an abort during the wait between attempts ends it with the reason', async () => {
    await using server = await scriptedServer((_, response) => {
      response.destroy();
    });
    const client = new Transport({
      apiKey: 'k',
      baseUrl: server.url,
      backoff: { firstMs: 3_600_000, maxMs: 3_600_000 },
    });
    const abort = new AbortController();
    const call = client.json({ method: 'GET', path: '/v1/x', signal: abort.signal });
    while (server.seen.length === 0) await new Promise(setImmediate);
    abort.abort(new Error('stop'));
    await expect(call).rejects.toThrow('stop');
  });
});

test('every request carries the key; errors are recognised as ours', async () => {
  await using server = await scriptedServer((_, response) => json(response, 200, {}));
  await transport(server.url).json({
    method: 'GET',
    path: '/v1/x',
    query: { a: '1', b: undefined },
  });
  expect(server.seen[0]?.headers.authorization).toBe('Bearer kt_live_x');
  expect(server.seen[0]?.url.search).toBe('?a=1');
  expect(KartaSdkError.is(new Error('x'))).toBe(false);
  expect(new ApiError({ status: 418 } as never, null, null)).toBeInstanceOf(KartaSdkError);
});
