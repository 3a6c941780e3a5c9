import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prepareRequest } from './prepare-request.ts';
import type { RouteName } from './routes.ts';

function prepared(route: RouteName, request: unknown) {
  const result = prepareRequest(route, Buffer.from(JSON.stringify(request)));
  if ('problem' in result) throw new Error(result.problem);
  return { sent: JSON.parse(result.body.toString()), hideUsage: result.hideUsage };
}

describe('a request on its way to the provider', () => {
  it('a Chat Completions stream always tells its usage', () => {
    expect(prepared('chat', { stream: true })).toEqual({
      sent: { stream: true, stream_options: { include_usage: true } },
      hideUsage: true,
    });
    const denied = { stream: true, stream_options: { include_usage: false, other: 1 } };
    expect(prepared('chat', denied)).toEqual({
      sent: { stream: true, stream_options: { include_usage: true, other: 1 } },
      hideUsage: true,
    });
    const asked = { stream: true, stream_options: { include_usage: true } };
    expect(prepared('chat', asked)).toEqual({ sent: asked, hideUsage: false });
  });

  it('what needs no change stays', () => {
    expect(prepared('chat', { messages: [] })).toEqual({
      sent: { messages: [] },
      hideUsage: false,
    });
    const bytes = Buffer.from('not json');
    expect(prepareRequest('messages', bytes)).toMatchObject({ body: bytes, hideUsage: false });
  });

  it('of two fields of one name the provider sees the one that was read', () => {
    const result = prepareRequest('chat', Buffer.from('{"stream":false,"stream":true}'));
    expect('body' in result && result.body.toString()).toBe(
      '{"stream":true,"stream_options":{"include_usage":true}}',
    );
  });

  it('goes as it is where nobody can read it otherwise, and is written anew where somebody can', () => {
    const sent = (body: Buffer) => {
      const result = prepareRequest('chat', body);
      return 'body' in result ? result.body : null;
    };
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(4), (request, indent) => {
        const body = Buffer.from(JSON.stringify({ ...request, tools: [] }, null, indent));
        const refused = prepareRequest('chat', body);
        if (!('problem' in refused)) expect(refused.body).toBe(body);
      }),
    );
    const twice = '{"messages":[{"content":[{"image_url":"https://a","image_url":"data:,"}]}]}';
    const read = '{"messages":[{"content":[{"image_url":"data:,"}]}]}';
    expect(String(sent(Buffer.from(twice)))).toBe(read);
    expect(String(sent(Buffer.from('{"__proto__":{"a":1},"\\u0061":1,"a":":"}')))).toBe(
      '{"__proto__":{"a":1},"a":":"}',
    );
    const broken = Buffer.from([...Buffer.from('{"a":"'), 0xff, ...Buffer.from('"}')]);
    expect(String(sent(broken))).toBe('{"a":"\ufffd"}');
  });

  it.each([
    ['responses', '{"background":true}', /background/],
    ['chat', '{', /not JSON/],
    ['chat', '[]', /object/],
    ['responses', 'null', /object/],
  ] as const)('%s %s is not served', (route, body, problem) => {
    expect(prepareRequest(route, Buffer.from(body))).toMatchObject({
      problem: expect.stringMatching(problem),
    });
  });
});
