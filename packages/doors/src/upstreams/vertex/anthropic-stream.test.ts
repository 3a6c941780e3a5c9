import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { VERTEX_EVENT } from '../../testing/vertex-server.ts';
import { anthropicStream } from './anthropic-stream.ts';

const SAID = [
  'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":14}}}\n\n',
  'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"vertex_event, 世界"}}\n\n',
  'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":10}}\n\n',
  'event: message_stop\ndata: {"type":"message_stop"}\n\n',
];
const [START = '', ...REST] = SAID;
const RECORDED = Buffer.from([START, VERTEX_EVENT, ...REST, VERTEX_EVENT].join(''));

function streamed(...pieces: readonly Uint8Array[]): Promise<string> {
  const response = new PassThrough();
  for (const piece of pieces) response.write(piece);
  response.end();
  return text(anthropicStream(response));
}

it('is what Anthropic would have sent, cut at any byte', async () => {
  for (let at = 0; at <= RECORDED.length; at += 1) {
    const told = await streamed(RECORDED.subarray(0, at), RECORDED.subarray(at));
    if (told !== SAID.join('')) expect({ at, told }).toEqual({ at, told: SAID.join('') });
  }
  expect(await streamed(...[...RECORDED].map((byte) => Buffer.from([byte])))).toBe(SAID.join(''));
});

it('passes on what is no event of Google’s, complete or not', async () => {
  const cut = Buffer.from(`${START}event: content_block_delta\ndata: {"ty`);
  expect(await streamed(cut)).toBe(cut.toString());
});
