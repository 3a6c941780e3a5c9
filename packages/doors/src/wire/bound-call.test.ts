import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OUTPUT_TOKENS, MIN_OUTPUT_TOKENS } from '../budgets/limits.ts';
import { COUNTED_TOKENS } from '../limits.ts';
import { type BoundCall, boundCall } from './bound-call.ts';
import { BEYOND_BYTES } from './bound-input.ts';
import type { Route } from './routes.ts';

const routes: Record<'messages' | 'chat' | 'responses', Route> = {
  messages: route('anthropic', 'messages', '/v1/messages'),
  chat: route('openai', 'chat', '/chat/completions'),
  responses: route('openai', 'responses', '/responses'),
};

function route(family: Route['family'], name: Route['name'], path: string): Route {
  return { family, name, path, query: '', billed: true };
}

const bound = (name: keyof typeof routes, request: object) =>
  boundCall(routes[name], Buffer.from(JSON.stringify(request)));

function good(name: keyof typeof routes, request: object): BoundCall {
  const call = bound(name, request);
  if ('problem' in call) throw new Error(call.problem);
  return call;
}

const sent = (call: BoundCall, output: number | null) =>
  JSON.parse(call.bodyWithin(output).toString());

describe('the input of a call', () => {
  it('is less than its bytes and what providers count beyond', () => {
    const request = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] };
    const bytes = Buffer.byteLength(JSON.stringify(request));
    expect(good('messages', request).input).toBe(bytes + BEYOND_BYTES.request);
  });

  it.each<[keyof typeof routes, object, number]>([
    ['messages', { type: 'image', source: { type: 'base64', data: 'A' } }, 5_000],
    ['messages', { type: 'document', source: { type: 'base64', data: 'A' } }, 200_000],
    ['messages', { type: 'document', source: { type: 'text', data: 'A' } }, 0],
    ['messages', { type: 'tool_result', content: [{ type: 'image', source: {} }] }, 5_000],
    ['chat', { type: 'image_url', image_url: { url: 'data:image/png;base64,A' } }, 50_000],
    ['chat', { type: 'file', file: { file_data: 'A' } }, 200_000],
    ['responses', { type: 'input_image', image_url: 'data:image/png;base64,A' }, 50_000],
    ['responses', { type: 'input_file', file_data: 'A' }, 200_000],
  ])('on %s counts a part %j', (name, part, more) => {
    const messages = [{ role: 'user', content: [part] }];
    const request = name === 'responses' ? { input: messages } : { messages };
    const bytes = Buffer.byteLength(JSON.stringify(request));
    expect(good(name, request).input).toBe(bytes + BEYOND_BYTES.request + more);
  });

  it.each([
    [{ system: [{ type: 'text', text: 'x' }] }, false],
    [{ system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }] }, false],
    [{ tools: [{ name: 't', cache_control: { type: 'ephemeral', ttl: '5m' } }] }, false],
    [{ cache_control: { type: 'ephemeral', ttl: '1h' } }, true],
    [{ messages: [{ content: [{ cache_control: { type: 'ephemeral', ttl: '1h' } }] }] }, true],
    [{ tools: [{ name: 't', cache_control: { type: 'ephemeral', ttl: '24h' } }] }, true],
  ])('of %j may be cached for longer than minutes: %s', (request, longCache) => {
    expect(good('messages', request).longCache).toBe(longCache);
  });

  it('has the prompts of tools that the provider knows by itself', () => {
    const tools = [
      { name: 'mine', input_schema: {} },
      { type: 'bash_20250124', name: 'bash' },
    ];
    const bytes = Buffer.byteLength(JSON.stringify({ tools }));
    const more = BEYOND_BYTES.request + BEYOND_BYTES.knownTool;
    expect(good('messages', { tools }).input).toBe(bytes + more);
  });

  it.each<[keyof typeof routes, object]>([
    ['responses', { previous_response_id: 'resp_1' }],
    ['responses', { conversation: 'conv_1' }],
    ['responses', { prompt: { id: 'p' } }],
    ['responses', { input: [{ content: [{ type: 'input_file', file_id: 'f' }] }] }],
    ['responses', { tools: [{ type: 'web_search' }] }],
    ['messages', { container: 'c' }],
    ['messages', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['messages', { messages: [{ content: [{ source: { type: 'file', file_id: 'f' } }] }] }],
    [
      'messages',
      { messages: [{ content: [{ type: 'image', source: { type: 'url', url: 'u' } }] }] },
    ],
  ])('cannot be bounded on %s with %j', (name, request) => {
    expect(bound(name, request)).toMatchObject({ problem: expect.stringContaining('budget') });
  });

  it('is not bounded for what is no JSON object', () => {
    for (const body of ['', '[', '[]', 'null', '3']) {
      expect(boundCall(routes.chat, Buffer.from(body))).toHaveProperty('problem');
    }
  });
});

describe('the output of a call', () => {
  it.each<[keyof typeof routes, object, number, object]>([
    ['messages', { max_tokens: 5_000 }, 900, { max_tokens: 900 }],
    ['chat', { max_completion_tokens: 5_000 }, 900, { max_completion_tokens: 900 }],
    ['chat', { max_tokens: 5_000 }, 900, { max_tokens: 900 }],
    ['chat', {}, 900, { max_completion_tokens: 900 }],
    ['chat', { max_tokens: 70, max_completion_tokens: 5_000 }, 60, { max_completion_tokens: 60 }],
    ['chat', { max_tokens: 5_000, n: 3 }, 1_000, { max_tokens: 333, n: 3 }],
    ['responses', { max_output_tokens: 5_000 }, 900, { max_output_tokens: 900 }],
    ['responses', {}, 900, { max_output_tokens: 900 }],
  ])('of %s %j is limited to %i', (name, request, output, expected) => {
    expect(sent(good(name, request), output)).toEqual(expected);
  });

  it('is what it asks for where only input is counted', () => {
    expect(sent(good('chat', { model: 'm' }), null)).toEqual({ model: 'm' });
  });

  it.each<[keyof typeof routes, object, number, number]>([
    ['messages', { max_tokens: 5_000 }, MIN_OUTPUT_TOKENS, 5_000],
    ['messages', { max_tokens: 20 }, 20, 20],
    ['chat', { n: 4, max_tokens: 1_000 }, 4 * MIN_OUTPUT_TOKENS, 4_000],
    ['responses', {}, MIN_OUTPUT_TOKENS, DEFAULT_OUTPUT_TOKENS],
    ['messages', { max_tokens: Number.MAX_SAFE_INTEGER }, MIN_OUTPUT_TOKENS, COUNTED_TOKENS],
    ['chat', { n: 128, max_tokens: 2 ** 52 }, 128 * MIN_OUTPUT_TOKENS, 128 * COUNTED_TOKENS],
    ['chat', { max_tokens: 1e300 }, MIN_OUTPUT_TOKENS, DEFAULT_OUTPUT_TOKENS],
  ])('of %s %j is at the least %i and wanted %i', (name, request, minOutput, wantedOutput) => {
    expect(good(name, request)).toMatchObject({ minOutput, wantedOutput });
  });

  it('of a number of answers that is none is refused', () => {
    for (const n of [0, -1, 1.5, '2', 129, Number.MAX_SAFE_INTEGER, 1e300])
      expect(bound('chat', { n })).toHaveProperty('problem');
  });

  it.each([
    [{ type: 'enabled', budget_tokens: 8_000 }, 9_000, { type: 'enabled', budget_tokens: 8_000 }],
    [{ type: 'enabled', budget_tokens: 8_000 }, 5_000, { type: 'enabled', budget_tokens: 4_744 }],
    [{ type: 'enabled', budget_tokens: 8_000 }, 1_280, { type: 'enabled', budget_tokens: 1_024 }],
    [{ type: 'enabled', budget_tokens: 8_000 }, 1_279, { type: 'disabled' }],
    [{ type: 'adaptive' }, 300, { type: 'adaptive' }],
  ])('leaves thinking %j of %i tokens as %j', (thinking, limit, expected) => {
    const call = good('messages', { max_tokens: 10_000, thinking });
    expect(sent(call, limit)).toEqual({ max_tokens: limit, thinking: expected });
  });

  it('property: never is more sent than allowed, whatever the request names', () => {
    const limit = fc.oneof(fc.constant(undefined), fc.anything(), fc.integer({ min: 1, max: 1e6 }));
    fc.assert(
      fc.property(
        limit,
        limit,
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 8, max: 1e6 }),
        (a, b, n, output) => {
          const call = bound('chat', { max_tokens: a, max_completion_tokens: b, n });
          if ('problem' in call) return;
          const request = sent(call, Math.min(output, call.wantedOutput));
          const named = [request.max_tokens, request.max_completion_tokens].filter(
            Number.isInteger,
          );
          expect(named).toHaveLength(1);
          expect(named[0] * n).toBeLessThanOrEqual(output);
        },
      ),
    );
  });
});
