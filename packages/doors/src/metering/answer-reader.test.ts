import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anthropicStream } from '../demo/wires/anthropic-answer.ts';
import { chatStream } from '../demo/wires/chat-answer.ts';
import type { AnswerContext, Frame } from '../demo/wires/frame.ts';
import { responsesStream } from '../demo/wires/responses-answer.ts';
import type { RouteName } from '../wire/routes.ts';
import { answerReader } from './answer-reader.ts';

const context: AnswerContext = {
  id: 'abcdef012345',
  created: 1,
  prompt: {
    model: 'm',
    stream: true,
    includeUsage: true,
    maxOutputTokens: null,
    system: ['You sell ☕.'],
    messages: [{ role: 'user', texts: ['hello 🙂'], other: [], media: 0 }],
    tools: [],
  },
  reply: {
    thinking: ['hm, ', 'ä🙂'],
    text: ['Grüße ', '🙂\n\ndata: {"usage":{}}'],
    tools: [{ name: 'bash', input: { command: 'echo "ü"' } }],
    stop: 'tools',
    cacheRead: 3,
    cacheWrite: 2,
    pace: { delayMs: 0, gapMs: 0, ending: 'complete' },
  },
};

const wires: [RouteName, (context: AnswerContext) => Iterable<Frame>][] = [
  ['messages', anthropicStream],
  ['chat', chatStream],
  ['responses', responsesStream],
];

const SSE = 'text/event-stream; charset=utf-8';

function bytesOf(frames: Iterable<Frame>): Buffer {
  return Buffer.from([...frames].map(({ text }) => text).join(''));
}

function read(route: RouteName, pieces: Buffer[], contentType = SSE) {
  const reader = answerReader(route, contentType);
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return { ...reader.told, outputUnits: reader.outputUnits() };
}

describe.each(wires)('usage of a %s stream', (route, stream) => {
  const bytes = bytesOf(stream(context));
  const whole = read(route, [bytes]);

  it('is final, and counts what was seen', () => {
    expect(whole.final).toBe(true);
    expect(whole.input?.input_tokens).toBeGreaterThan(0);
    expect(whole.input?.cache_read_tokens).toBe(3);
    expect(whole.output).toBeGreaterThan(0);
    expect(whole.outputUnits).toBeGreaterThan(20);
  });

  it('is the same when the stream is split at any byte', () => {
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(read(route, [bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole);
    }
  });

  it('is the same when every byte comes alone, with either line ending', () => {
    const single = (all: Buffer) => [...all].map((byte) => Buffer.from([byte]));
    expect(read(route, single(bytes))).toEqual(whole);
    const crlf = Buffer.from(bytes.toString().replaceAll('\n', '\r\n'));
    expect(read(route, single(crlf))).toEqual(whole);
  });

  it('is the same for any cutting into pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(read(route, pieces)).toEqual(whole);
      }),
    );
  });

  it('is not final when the stream breaks off', () => {
    const ending = 'break' as const;
    const broken = { ...context.reply, pace: { ...context.reply.pace, ending } };
    const report = read(route, [bytesOf(stream({ ...context, reply: broken }))]);
    expect(report.final).toBe(false);
    expect(report.outputUnits).toBe(whole.outputUnits);
  });
});

describe('what a provider may send', () => {
  const event = (data: unknown) => Buffer.from(`data: ${JSON.stringify(data)}\n\n`);

  it('all input of Anthropic is the plain, the read and the stored part together', () => {
    const usage = {
      input_tokens: 10,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 30,
      output_tokens: 1,
    };
    const report = read('messages', [
      event({ type: 'message_start', message: { usage } }),
      event({ type: 'message_delta', delta: {}, usage: { output_tokens: 7 } }),
      event({ type: 'message_delta', delta: {}, usage: { output_tokens: 9 } }),
    ]);
    const input = { input_tokens: 140, cache_read_tokens: 100, cache_write_tokens: 30 };
    expect(report).toMatchObject({ final: true, input, output: 9 });
  });

  it('what Anthropic stores for an hour is told apart, and kept', () => {
    const usage = {
      input_tokens: 10,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      output_tokens: 1,
    };
    const report = read('messages', [
      event({ type: 'message_start', message: { usage } }),
      event({ type: 'message_delta', usage: { input_tokens: 10, output_tokens: 2 } }),
    ]);
    expect(report.input).toMatchObject({ cache_write_tokens: 30, cache_write_1h_tokens: 20 });
  });

  it.each([
    ['chat', 'prompt_tokens', 'completion_tokens'],
    ['responses', 'input_tokens', 'output_tokens'],
  ] as const)('what OpenAI stored and reasoned is told apart: %s', (route, input, output) => {
    const usage = {
      [input]: 100,
      [`${input}_details`]: { cached_tokens: 30, cache_write_tokens: 50 },
      [output]: 9,
      [`${output}_details`]: { reasoning_tokens: 4 },
    };
    const answer = Buffer.from(JSON.stringify({ usage }));
    expect(read(route, [answer], 'application/json')).toMatchObject({
      input: { input_tokens: 100, cache_read_tokens: 30, cache_write_tokens: 50 },
      output: 9,
      reasoning: 4,
    });
  });

  it('later input counts replace earlier ones and keep what they do not name', () => {
    const usage = { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 };
    const report = read('messages', [
      event({ type: 'message_start', message: { usage } }),
      event({ type: 'message_delta', usage: { input_tokens: 20, output_tokens: 2 } }),
    ]);
    expect(report.input).toMatchObject({ input_tokens: 25, cache_read_tokens: 5 });
  });

  it.each([
    { prompt_tokens: -1, completion_tokens: 2 },
    { prompt_tokens: 1.5, completion_tokens: 2 },
    { prompt_tokens: '1', completion_tokens: 2 },
    { prompt_tokens: 1e300, completion_tokens: 2 },
    null,
    [],
  ])('impossible counts are no report: %j', (usage) => {
    const report = read('chat', [event({ choices: [], usage })]);
    expect(report).toMatchObject({ final: false, input: null });
  });

  it('whole answers are read at their end', () => {
    const answer = Buffer.from(JSON.stringify({ usage: { input_tokens: 3, output_tokens: 4 } }));
    const pieces = [answer.subarray(0, 9), answer.subarray(9)];
    expect(read('messages', pieces, 'application/json')).toMatchObject({
      final: true,
      input: { input_tokens: 3 },
      output: 4,
    });
  });

  it.each(['', 'null', '[]', '"x"', '{"usage":', '{}', '{"choices":[null,{"delta":3}]}'])(
    'anything else is no report: %s',
    (text) => {
      for (const type of [SSE, 'application/json']) {
        const piece = type === SSE ? Buffer.from(`data: ${text}\n\n`) : Buffer.from(text);
        expect(read('chat', [piece], type).final).toBe(false);
      }
    },
  );

  it.each(['9007199254740991', '1000000001', '1e400', '-1', '1.5', '"12"', 'null', '{}'])(
    'a count of %s is none',
    (lie) => {
      const usage = `"usage":{"input_tokens":5,"output_tokens":${lie}}`;
      for (const route of ['messages', 'chat', 'responses'] as const) {
        const report = read(route, [Buffer.from(`{${usage}}`)], 'application/json');
        expect(report.final).toBe(false);
        expect(report.output).toBeNull();
      }
      const input = Buffer.from(`{"usage":{"input_tokens":${lie},"output_tokens":5}}`);
      expect(read('messages', [input], 'application/json').input).toBeNull();
      const cached = `{"usage":{"input_tokens":5,"cache_read_input_tokens":${lie}}}`;
      const read5 = read('messages', [Buffer.from(cached)], 'application/json').input;
      expect(read5?.input_tokens).toBe(5);
    },
  );

  it('any bytes are survived', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
        for (const [route] of wires) {
          expect(
            read(
              route,
              chunks.map((chunk) => Buffer.from(chunk)),
            ).final,
          ).toBe(false);
        }
      }),
    );
  });
});

describe('a stream of Responses that ends in an error', () => {
  const created = { type: 'response.created', response: { usage: null } };
  const failed = (code: string, usage: object | null = null) => ({
    type: 'response.failed',
    response: { error: { code, message: 'm' }, usage },
  });
  const error = (code: string) => ({ type: 'error', code, message: 'm' });
  const usage = { input_tokens: 5, output_tokens: 2 };
  const text = { type: 'response.output_text.delta', delta: 'a' };
  it.each<[string, object[], boolean]>([
    ['refused at once', [created, error('rate_limit_exceeded')], true],
    [
      'refused, and told twice',
      [created, error('insufficient_quota'), failed('insufficient_quota')],
      true,
    ],
    ['refused, told by its end alone', [created, failed('rate_limit_exceeded')], true],
    ['broken while it thought', [created, failed('server_error')], false],
    ['broken, and told twice', [created, error('server_error'), failed('server_error')], false],
    ['broken after text', [created, text, failed('rate_limit_exceeded')], false],
    ['refused, and yet counted', [created, failed('rate_limit_exceeded', usage)], false],
  ])('%s', (_what, events, free) => {
    const stream = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
    const { refused, begun } = read('responses', [Buffer.from(stream)]);
    expect(refused && !begun).toBe(free);
  });
});
