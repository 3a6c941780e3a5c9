import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { providerRefusal } from './provider-refusal.ts';

const SECRETS = ['sk-ant-secret-key-1234', 'api.provider.example'];

async function told(status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const reply = await providerRefusal(
    'anthropic',
    status,
    headers,
    Readable.from([Buffer.from(text)], { objectMode: false }),
    { whose: "the platform's", secrets: SECRETS },
  );
  return { status: reply.status, headers: reply.headers, body: await json(reply.body) };
}

describe("a provider's refusal", () => {
  it('keeps its status, its advice and its error', async () => {
    const body = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    expect(await told(529, body, { 'retry-after': '3' })).toEqual({
      status: 529,
      headers: { 'retry-after': '3', 'content-type': 'application/json' },
      body,
    });
  });

  it.each([401, 403])('of the key says no more than that: %i', async (status) => {
    const error = { message: 'bad key sk-ant-secret-key-1234', type: 'authentication_error' };
    const refusal = await told(status, { type: 'error', error });
    expect(refusal.status).toBe(status);
    expect(refusal.body).toMatchObject({
      error: { message: "The model provider refused the platform's key." },
    });
  });

  it('loses keys, whole or masked, hosts and unknown fields', async () => {
    const error = {
      type: 'invalid_request_error',
      message: 'sk-ant-secret-key-1234 and sk-proj-****wxyz at https://api.provider.example/v1',
      account: 'acct_1',
    };
    const { body } = await told(400, { type: 'error', error, request_id: 'req_1' });
    expect(body).toEqual({
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: '[hidden] and [hidden] at https://[hidden]/v1',
      },
    });
  });

  it.each([
    [502, '<html>nginx</html>'],
    [500, ''],
    [500, 'null'],
    [500, { error: 'text' }],
    [307, { error: { message: 'moved' } }],
    [200, 'compressed'],
  ])('that is no error object is a bad gateway: %i %j', async (status, body) => {
    expect(await told(status, body)).toMatchObject({
      status: 502,
      body: { type: 'error', error: { type: 'api_error' } },
    });
  });

  it('that never ends is cut', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536, 'x');
      })(),
      { objectMode: false },
    );
    const reply = await providerRefusal('openai', 500, {}, endless, {
      whose: 'x',
      secrets: SECRETS,
    });
    expect(reply.status).toBe(502);
    expect(endless.destroyed).toBe(true);
  });
});
