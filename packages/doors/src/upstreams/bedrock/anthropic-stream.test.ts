import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { answerReader } from '../../metering/answer-reader.ts';
import {
  awsFrame,
  chunkFrame,
  errorFrame,
  exceptionFrame,
  INVOCATION_METRICS,
} from '../../testing/bedrock-frames.ts';
import { anthropicStream } from './anthropic-stream.ts';
import { type AwsParts, awsParts } from './aws-parts.ts';

const EVENTS = [
  {
    type: 'message_start',
    message: {
      id: 'msg_bdrk_01',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5-20250929',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 14, cache_read_input_tokens: 3, output_tokens: 1 },
    },
  },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüße, 世界 🦜' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: '"\\u2028\n"' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 10 } },
];
const CHUNK = { ':message-type': 'event', ':event-type': 'chunk' };
const STOP = { type: 'message_stop' };
const RECORDED = Buffer.concat([
  ...EVENTS.map(chunkFrame),
  chunkFrame({ ...STOP, ...INVOCATION_METRICS }),
]);
/** What Anthropic itself would have streamed. */
const EXPECTED = [...EVENTS, STOP].map(sse).join('');

let parts: AwsParts;
beforeAll(async () => {
  parts = await awsParts();
});

function sse(event: { type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** What the harness gets of an answer that comes in these pieces. */
function streamed(pieces: readonly Uint8Array[]): Promise<string> {
  const response = new PassThrough();
  for (const piece of pieces) response.write(piece);
  response.end();
  const clean = (message: string) => message.replaceAll('123456789012', '[hidden]');
  return text(anthropicStream(response, parts.decode, clean));
}

function usageOf(stream: string) {
  const reader = answerReader('messages', 'text/event-stream');
  reader.push(Buffer.from(stream));
  reader.end();
  return reader.told;
}

describe("Bedrock's stream", () => {
  it('is the one that Anthropic would have sent, without what Bedrock adds', async () => {
    const told = await streamed([RECORDED]);
    expect(told).toBe(EXPECTED);
    expect(told).not.toContain('amazon');
    expect(usageOf(told)).toMatchObject({
      input: { input_tokens: 17, cache_read_tokens: 3 },
      output: 10,
      final: true,
    });
  });

  it('is the same cut at every byte', async () => {
    for (let at = 0; at <= RECORDED.length; at += 1) {
      const told = await streamed([RECORDED.subarray(0, at), RECORDED.subarray(at)]);
      if (told !== EXPECTED) expect({ at, told }).toEqual({ at, told: EXPECTED });
    }
    expect(await streamed([...RECORDED].map((byte) => Buffer.from([byte])))).toBe(EXPECTED);
  });

  it('is the same however it is cut', async () => {
    const cuts = fc.array(fc.nat(RECORDED.length), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(cuts, async (at) => {
        const ends = [...new Set([...at, RECORDED.length])].sort((a, b) => a - b);
        const pieces = ends.map((end, index) => RECORDED.subarray(ends[index - 1] ?? 0, end));
        expect(await streamed(pieces)).toBe(EXPECTED);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['throttlingException', 'rate_limit_error'],
    ['serviceUnavailableException', 'overloaded_error'],
    ['modelStreamErrorException', 'api_error'],
    ['modelTimeoutException', 'timeout_error'],
    ['validationException', 'invalid_request_error'],
    ['internalServerException', 'api_error'],
    ['somethingNewException', 'api_error'],
  ])('tells %s as %s, freed of account names, and ends there', async (exception, type) => {
    const broken = Buffer.concat([
      chunkFrame(EVENTS[0] ?? {}),
      exceptionFrame(exception, 'Too many of account 123456789012.'),
      chunkFrame(EVENTS[1] ?? {}),
    ]);
    const error = { type, message: 'Too many of account [hidden].' };
    const told = sse(EVENTS[0] as { type: string }) + sse({ type: 'error', ...{ error } });
    expect(await streamed([broken])).toBe(told);
  });

  it('tells an error that has no name in the models', async () => {
    const told = await streamed([errorFrame('InternalFailure', 'It broke.')]);
    const error = { type: 'api_error', message: 'It broke.' };
    expect(told).toBe(sse({ type: 'error', ...{ error } }));
  });

  it('leaves out what carries no event', async () => {
    const headers = { ':message-type': 'event', ':event-type': 'initial-response' };
    const silent = [
      awsFrame(headers, {}),
      chunkFrame('{"ping":1}'),
      awsFrame({ ...headers, ':event-type': 'chunk' }, { p: 'abc' }),
    ];
    expect(await streamed([...silent, RECORDED])).toBe(EXPECTED);
  });

  it('stays one line for each event', async () => {
    const told = await streamed([chunkFrame('{\n  "type": "ping"\r\n}')]);
    expect(told).toBe(sse({ type: 'ping' }));
  });

  const first = chunkFrame(EVENTS[0] ?? {});
  const changed = (at: number) => {
    const bytes = Buffer.from(first);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  const length = (bytes: number) => {
    const frame = Buffer.from(first);
    frame.writeUInt32BE(bytes, 0);
    return frame;
  };
  it.each([
    ['one that ends within a frame', first.subarray(0, -1)],
    ['one that ends after a frame and a byte', Buffer.concat([first, Buffer.from([0])])],
    ['one changed bit of the contents', changed(200)],
    ['one changed bit of the checksum', changed(first.length - 1)],
    ['one changed bit of the headers', changed(14)],
    ['a length of nothing', length(0)],
    ['a length of 4 GB', length(0xff_ff_ff_ff)],
    ['a length that is too short', length(first.length - 1)],
    ['a page for people', Buffer.from('<html><body>Bad gateway</body></html>')],
    ['contents that are not JSON', awsFrame(CHUNK, 'no JSON')],
    ['an event that is not base64', awsFrame(CHUNK, { bytes: '***' })],
    ['an event that is not JSON', chunkFrame('not JSON')],
    ['a message of no type', awsFrame({ ':event-type': 'chunk' }, { bytes: '' })],
  ])('breaks off, and is never taken for complete: %s', async (_what, bytes) => {
    await expect(streamed([bytes])).rejects.toThrow(/event stream/);
  });
});
