import { expect, test } from 'vitest';
import { countInput } from './count-input.ts';
import type { ModelCall, Upstream } from './port.ts';
import { UpstreamError } from './port.ts';
import { wholeReply } from './whole-reply.ts';

const never = new AbortController().signal;

/** An upstream that tells `answer`, and what it was asked. */
function telling(answer: () => object, more: Partial<Upstream> = {}) {
  const asked: ModelCall[] = [];
  const upstream: Upstream = {
    id: 'anthropic',
    families: ['anthropic'],
    endpoint: 'https://example.com',
    async send(call) {
      asked.push(call);
      return wholeReply({ status: 200, headers: {}, body: JSON.stringify(answer()) });
    },
    close: () => {},
    ...more,
  };
  return { upstream, asked };
}

function call(body: object, name: 'messages' | 'chat' = 'messages'): ModelCall {
  const route = { family: 'anthropic', name, path: '/v1/messages', query: '?beta=true' } as const;
  return {
    route: { ...route, billed: true },
    headers: { 'anthropic-beta': 'b' },
    body: Buffer.from(JSON.stringify(body)),
    channelId: 'c',
  };
}

const asks = {
  model: 'm',
  messages: [{ role: 'user', content: 'hi' }],
  max_tokens: 5,
  stream: true,
};
const local = [{ name: 't', input_schema: { maximum: 12345678901234567890n.toString() } }];

test('a call is counted by its provider, and somewhat more is taken', async () => {
  const { upstream, asked } = telling(() => ({ input_tokens: 100 }));
  expect(await countInput(upstream, null, call({ ...asks, tools: local }), never)).toBe(105);
  expect(asked).toMatchObject([
    {
      route: { name: 'count_tokens', path: '/v1/messages/count_tokens', query: '?beta=true' },
      headers: { 'anthropic-beta': 'b' },
    },
  ]);
  const { model, messages } = asks;
  expect(JSON.parse(asked[0]?.body.toString() ?? '')).toEqual({ model, messages, tools: local });
});

test('one that says what may change the count is not asked about', async () => {
  const { upstream, asked } = telling(() => ({ input_tokens: 100 }));
  expect(await countInput(upstream, null, call({ ...asks, diagnostics: {} }), never)).toBeNull();
  expect(asked).toEqual([]);
});

test('one of another wire, or where nobody counts, is not asked about', async () => {
  const { upstream, asked } = telling(() => ({ input_tokens: 100 }));
  expect(await countInput(upstream, null, call(asks, 'chat'), never)).toBeNull();
  const without = { ...upstream, lacks: ['count_tokens' as const] };
  expect(await countInput(without, null, call(asks), never)).toBeNull();
  expect(asked).toEqual([]);
});

test('what is no count, or no answer, is none', async () => {
  for (const answer of [{}, { input_tokens: 'many' }, { input_tokens: -1 }]) {
    expect(await countInput(telling(() => answer).upstream, null, call(asks), never)).toBeNull();
  }
  const { upstream } = telling(() => ({}), {
    send: () => Promise.reject(new UpstreamError('no', { sent: true })),
  });
  expect(await countInput(upstream, null, call(asks), never)).toBeNull();
});
