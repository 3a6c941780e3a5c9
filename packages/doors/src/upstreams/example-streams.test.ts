import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { setImmediate as nextTick } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyParts, type UpstreamKey } from '../keys/key-parts.ts';
import { MeteredCall } from '../metering/metered-call.ts';
import { newServiceAccount } from '../testing/google-account.ts';
import { routeOf } from '../wire/routes.ts';
import { UsageChunkFilter } from '../wire/usage-chunk-filter.ts';
import { anthropicUpstream } from './anthropic.ts';
import { anthropicStream as fromBedrock } from './bedrock/anthropic-stream.ts';
import { awsParts } from './bedrock/aws-parts.ts';
import { bedrockUpstream } from './bedrock/bedrock.ts';
import { openaiUpstream } from './openai.ts';
import { openrouterUpstream } from './openrouter.ts';
import type { ModelCall, Upstream } from './port.ts';
import { anthropicStream as fromVertex } from './vertex/anthropic-stream.ts';
import { vertexUpstream } from './vertex/vertex.ts';

const REGION = 'eu-west-1';
const google = newServiceAccount('a-project');
const KEY: UpstreamKey = {
  ownId: null,
  parts: new KeyParts({
    ...{ api_key: 'k', service_account: google.file },
    ...{ access_key_id: 'AKIAKARTATESTKEY0001', secret_access_key: 'a/secret/of/40/characters' },
  }),
};
const read = (name: string) => readFileSync(new URL(`example-streams/${name}`, import.meta.url));
/** What a provider is asked in each case; nobody looks at it. */
const BODY = { model: 'claude-sonnet-4-6', max_tokens: 9, stream: true, messages: [] };
const told = (input: number, output: number, more: object = {}) => ({
  usage: { input_tokens: input, output_tokens: output, ...more },
  estimated: false,
});

interface Example {
  file: string;
  upstream: 'anthropic' | 'openai' | 'openrouter' | 'bedrock' | 'vertex';
  path: string;
  /** What is booked. */
  booked: object;
  /** What the harness is told, where it is not the stream itself. */
  harness?: string;
}
const messages = '/anthropic/v1/messages';
const [chat, responses] = ['/openai/v1/chat/completions', '/openai/v1/responses'];
const EXAMPLES: Example[] = [
  {
    ...{ file: 'anthropic-tool-use.sse', upstream: 'anthropic', path: messages },
    booked: told(677, 33, { cache_read_tokens: 0, cache_write_tokens: 0 }),
  },
  {
    ...{ file: 'anthropic-thinking-cached.sse', upstream: 'anthropic', path: messages },
    booked: {
      ...told(47 + 1_520 + 30_204, 373, { cache_read_tokens: 30_204, cache_write_tokens: 1_520 }),
      parts: { cache_write_1h_tokens: 1_024, reasoning_tokens: 62 },
    },
  },
  {
    ...{ file: 'anthropic-overloaded.sse', upstream: 'anthropic', path: messages },
    booked: { ...told(25, 5), estimated: true, inputTold: true },
  },
  {
    ...{ file: 'anthropic-server-tool.sse', upstream: 'anthropic', path: messages },
    booked: told(9_310 + 1_024 + 128, 141, { cache_read_tokens: 1_024, cache_write_tokens: 128 }),
  },
  {
    ...{ file: 'anthropic-refusal.sse', upstream: 'anthropic', path: messages },
    booked: { ...told(88, 37), parts: { cache_write_1h_tokens: 0, reasoning_tokens: 29 } },
  },
  {
    ...{ file: 'openai-chat-tool-call.sse', upstream: 'openai', path: chat },
    booked: told(67, 5),
  },
  {
    ...{ file: 'openai-chat-refusal.sse', upstream: 'openai', path: chat },
    booked: told(1_214, 14, { cache_read_tokens: 1_152 }),
  },
  {
    ...{ file: 'openai-chat-server-error.sse', upstream: 'openai', path: chat },
    booked: { ...told(18, 6), estimated: true, inputTold: false },
  },
  {
    ...{ file: 'openai-responses-incomplete.sse', upstream: 'openai', path: responses },
    booked: {
      ...told(2_110, 64, { cache_read_tokens: 1_920 }),
      parts: { reasoning_tokens: 48 },
    },
  },
  {
    ...{ file: 'openai-responses-refusal.sse', upstream: 'openai', path: responses },
    booked: told(40, 9),
  },
  {
    ...{ file: 'openai-responses-reasoning.sse', upstream: 'openai', path: responses },
    booked: { ...told(31, 21), parts: { reasoning_tokens: 13 } },
  },
  {
    ...{ file: 'openai-responses-no-quota.sse', upstream: 'openai', path: responses },
    booked: told(0, 0),
  },
  {
    ...{ file: 'openrouter-tool-call.sse', upstream: 'openrouter', path: chat },
    booked: told(67, 5),
  },
  {
    ...{ file: 'openrouter-error.sse', upstream: 'openrouter', path: chat },
    booked: { ...told(18, 5), estimated: true, inputTold: false },
  },
  {
    ...{ file: 'bedrock-tool-use.bin', upstream: 'bedrock', path: messages },
    booked: told(45 + 2_048, 71, { cache_read_tokens: 2_048 }),
    harness: 'bedrock-tool-use.told.sse',
  },
  {
    ...{ file: 'bedrock-model-error.bin', upstream: 'bedrock', path: messages },
    booked: { ...told(45 + 2_048, 7), estimated: true, inputTold: true },
    harness: 'bedrock-model-error.told.sse',
  },
  {
    ...{ file: 'bedrock-text.bin', upstream: 'bedrock', path: messages },
    ...{ booked: told(10, 15), harness: 'bedrock-text.told.sse' },
  },
  {
    ...{ file: 'bedrock-throttled.bin', upstream: 'bedrock', path: messages },
    booked: { ...told(10, 2), estimated: true, inputTold: true },
    harness: 'bedrock-throttled.told.sse',
  },
  {
    ...{ file: 'vertex-text.sse', upstream: 'vertex', path: messages },
    booked: told(28_814, 4, { cache_write_tokens: 28_804 }),
  },
  {
    ...{ file: 'vertex-own-event.sse', upstream: 'vertex', path: messages },
    ...{ booked: told(21 + 4_096, 12), harness: 'vertex-own-event.told.sse' },
  },
  {
    ...{ file: 'vertex-overloaded.sse', upstream: 'vertex', path: messages },
    booked: { ...told(21 + 4_096, 8), estimated: true, inputTold: true },
  },
];

/** In how many pieces the provider now sends what. */
let pieces: Buffer[] = [];
const server = createServer(async (request, response) => {
  request.resume();
  if (request.url === '/token') {
    const token = { access_token: 'ya29.t', expires_in: 3_600, token_type: 'Bearer' };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token));
    return;
  }
  const frames = request.url?.endsWith('/invoke-with-response-stream') === true;
  const type = frames ? 'application/vnd.amazon.eventstream' : 'text/event-stream; charset=utf-8';
  response.writeHead(200, { 'content-type': type });
  await send(response, pieces);
});
let upstreams: Record<Example['upstream'], Upstream>;
let decode: Awaited<ReturnType<typeof awsParts>>['decode'];

beforeAll(async () => {
  ({ decode } = await awsParts());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tokenUrl = `${baseUrl}/token`;
  upstreams = {
    anthropic: anthropicUpstream({ baseUrl }),
    openai: openaiUpstream({ baseUrl }),
    openrouter: openrouterUpstream({ baseUrl }),
    bedrock: bedrockUpstream({ region: REGION, baseUrl }),
    vertex: vertexUpstream({ location: 'global', project: null, baseUrl, tokenUrl }),
  };
});
afterAll(() => {
  for (const upstream of Object.values(upstreams ?? {})) upstream.close();
  server.closeAllConnections();
  server.close();
});

async function send(response: ServerResponse, parts: readonly Buffer[]): Promise<void> {
  for (const part of parts) {
    response.write(part);
    await nextTick();
  }
  response.end();
}

interface Replayed {
  bytes: Buffer;
  booked: object;
}

async function metered(
  path: string,
  body: AsyncIterable<Buffer> | readonly Buffer[],
): Promise<Replayed> {
  const call = callOf(path);
  const meter = new MeteredCall(call.route.name, call.body.length);
  meter.answered(200, 'text/event-stream');
  const chunks: Buffer[] = [];
  const take = (chunk: Buffer) => {
    meter.push(chunk);
    chunks.push(chunk);
  };
  // To wait for each piece that is there would cost more than all that is tried.
  if (Array.isArray(body)) for (const chunk of body) take(chunk);
  else for await (const chunk of body) take(chunk);
  meter.end();
  return { bytes: Buffer.concat(chunks), booked: meter.booked() };
}

function callOf(path: string): ModelCall {
  const route = routeOf('POST', path);
  if (route === null) throw new Error('no such route');
  return { route, headers: {}, body: Buffer.from(JSON.stringify(BODY)), channelId: 'c' };
}

/** Over real HTTP, by the upstream itself. */
async function overHttp({ upstream, path }: Example, parts: Buffer[]): Promise<Replayed> {
  pieces = parts;
  const never = new AbortController().signal;
  const reply = await upstreams[upstream].send(callOf(path), KEY, never);
  expect(reply.status).toBe(200);
  return metered(path, reply.body);
}

/** By what the upstream changes of a stream and what reads its usage. */
function inProcess({ upstream, path }: Example, parts: Buffer[]): Promise<Replayed> {
  if (upstream !== 'bedrock' && upstream !== 'vertex') return metered(path, parts);
  const body = new PassThrough();
  for (const part of parts) body.write(part);
  body.end();
  const clean = (text: string) => text;
  return metered(path, upstream === 'vertex' ? fromVertex(body) : fromBedrock(body, decode, clean));
}

const inTwo = (bytes: Buffer, at: number) => [bytes.subarray(0, at), bytes.subarray(at)];
const byteByByte = (bytes: Buffer) => Array.from(bytes, (byte) => Buffer.from([byte]));

describe.each(EXAMPLES)('$file', (example) => {
  const bytes = read(example.file);
  const expected = example.harness === undefined ? bytes : read(example.harness);
  const check = ({ bytes: seen, booked }: Replayed) => {
    if (!seen.equals(expected)) expect(seen.toString()).toBe(expected.toString());
    expect(booked).toMatchObject(example.booked);
  };

  it('reaches the harness byte for byte, and is booked as it says', async () => {
    check(await overHttp(example, [bytes]));
    check(await overHttp(example, byteByByte(bytes)));
  });

  it('is the same split at every byte', async () => {
    check(await inProcess(example, byteByByte(bytes)));
    for (let at = 1; at < bytes.length; at += 1) {
      check(await inProcess(example, inTwo(bytes, at)));
    }
  });

  it('is the same split on the connection, in the full tier at every byte', async () => {
    const step = process.env.KARTA_TIER === 'full' ? 1 : 199;
    for (let at = 1; at < bytes.length; at += step) {
      check(await overHttp(example, inTwo(bytes, at)));
    }
  });
});

it('no usage chunk is told to a client of OpenAI that asked for none, wherever it is split', () => {
  const bytes = read('openai-chat-tool-call.sse');
  const events = bytes.toString().split(/(?<=\n\n)/);
  const expected = events.filter((event) => !event.includes('"choices":[]')).join('');
  expect(events).toHaveLength(expected.split(/(?<=\n\n)/).length + 1);
  for (let at = 0; at <= bytes.length; at += 1) {
    const filter = new UsageChunkFilter();
    const kept = [...inTwo(bytes, at).map((part) => filter.push(part)), filter.flush()];
    expect(Buffer.concat(kept).toString()).toBe(expected);
  }
});
