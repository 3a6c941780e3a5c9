import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestChannel, scripted, type TestChannel } from '../testing/open-channel.ts';
import { type PlainServer, servePlain } from '../testing/plain-server.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

const KEY = 'sk-real-0123456789abcdef';
let provider: PlainServer;
let doors: StartedDoors;
let channel: TestChannel;

beforeAll(async () => {
  provider = await servePlain({
    key: KEY,
    before(request, response, body) {
      const answer = (status: number, headers: Record<string, string>, text: string) => {
        response.writeHead(status, headers).end(text);
        return true;
      };
      if (body.includes('REDIRECT')) return answer(307, { location: 'http://127.0.0.1:1/' }, '');
      if (body.includes('GZIP')) return answer(200, { 'content-encoding': 'gzip' }, 'xx');
      if (body.includes('PAGE')) return answer(200, { 'content-type': 'text/html' }, '<html>');
      if (body.includes('HTML')) return answer(502, { 'content-type': 'text/html' }, '<html>');
      if (body.includes('TALKATIVE')) {
        const error = {
          message: `quota of ${KEY} at ${request.headers.host}, also sk-proj-****abcd`,
          type: 'rate',
          internal: 'org-secret',
        };
        const headers = {
          'content-type': 'application/json',
          'retry-after': '7',
          'openai-organization': 'org-secret',
          'set-cookie': 'a=b',
        };
        return answer(429, headers, JSON.stringify({ error }));
      }
      return false;
    },
  });
  doors = await startDoors({
    upstreams: [
      { id: 'demo' },
      { id: 'anthropic', base_url: `${provider.origin}/anthropic`, api_key: KEY },
      { id: 'openai', base_url: `${provider.origin}/openai/v1/`, api_key: KEY },
    ],
  });
  channel = await openTestChannel(doors);
});
afterAll(async () => {
  await channel.close();
  await doors.stop();
  await provider.close();
});

const ask = (content: string) => ({
  model: 'm',
  max_tokens: 1000,
  messages: [{ role: 'user' as const, content }],
});
const chat = (content: string) => ({ model: 'm', messages: ask(content).messages });

describe('a real provider behind the doors', () => {
  it('serves both families in place of the demo model', async () => {
    const { upstreams } = await doors.management.upstreams();
    expect(upstreams).toEqual([
      { id: 'demo', families: [], responses: true, endpoint: 'embedded' },
      {
        id: 'anthropic',
        families: ['anthropic'],
        responses: true,
        endpoint: `${provider.origin}/anthropic`,
      },
      {
        id: 'openai',
        families: ['openai'],
        responses: true,
        endpoint: `${provider.origin}/openai/v1`,
      },
    ]);
  });

  it('gets its own key and nothing of the sandbox', async () => {
    await channel.anthropic.messages.create(ask(scripted({ text: 'x' })), {
      headers: { cookie: 'a=b', 'x-own': '1', 'anthropic-beta': 'b1' },
    });
    const sent = provider.requests.at(-1);
    expect(sent?.headers).toMatchObject({
      'x-api-key': KEY,
      'anthropic-beta': 'b1',
      'anthropic-version': expect.stringMatching(/^\d{4}/),
      'accept-encoding': 'identity',
    });
    expect(sent?.headers).not.toHaveProperty('cookie');
    expect(sent?.headers).not.toHaveProperty('x-own');
    expect(sent?.headers).not.toHaveProperty('authorization');
    await channel.openai.responses.create({ model: 'm', input: scripted({ text: 'x' }) });
    const openai = provider.requests.at(-1);
    expect(openai?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(JSON.stringify(provider.requests)).not.toContain(channel.credential);
  });

  it('streams text, thinking and tools through, in order and at once', async () => {
    const tools = [
      { name: 'a', input: { x: 'ä' } },
      { name: 'b', input: {} },
    ];
    const content = scripted({ think: 'hm', text: 'one two three', n: 13, gap: 5, tools });
    const seen: string[] = [];
    const stream = channel.anthropic.messages.stream(ask(content));
    stream.on('text', (text) => seen.push(text));
    const message = await stream.finalMessage();
    expect(seen).toHaveLength(13);
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'one two three' },
      { type: 'tool_use', ...tools[0] },
      { type: 'tool_use', ...tools[1] },
    ]);
  });

  it('is metered on Chat Completions streams whose client asked for no usage', async () => {
    await doors.management.openTurn(channel.id, 'turn_1');
    const stream = await channel.openai.chat.completions.create({
      ...chat(scripted({ text: 'abcdefgh' })),
      stream: true,
    });
    const chunks = await all(stream);
    expect(chunks.every(({ usage, choices }) => !usage && choices.length === 1)).toBe(true);
    const booked = await doors.management.closeTurn(channel.id, 'turn_1');
    await doors.management.openTurn(channel.id, 'turn_open');
    expect(booked).toMatchObject({ calls: 1, estimated_calls: 0, usage: { output_tokens: 2 } });
    expect(provider.requests.at(-1)?.body).toContain('"include_usage":true');
  });

  it('passes usage on to a client that asked for it', async () => {
    const stream = await channel.openai.chat.completions.create({
      ...chat(scripted({ text: 'abcdefgh' })),
      stream: true,
      stream_options: { include_usage: true },
    });
    const usages = (await all(stream)).filter(({ usage }) => usage);
    expect(usages).toHaveLength(1);
  });

  it('keeps large requests and counts whole', async () => {
    const counted = await channel.anthropic.messages.countTokens({
      model: 'm',
      messages: ask('x'.repeat(4_000_000)).messages,
    });
    expect(counted.input_tokens).toBeGreaterThan(1_000_000);
  });

  it('a broken answer is seen broken, a stalled one ends with the client', async () => {
    const half = channel.anthropic.messages.stream(ask(scripted({ text: 'half', break: true })));
    await expect(half.finalMessage()).rejects.toThrow();
    const before = await openCalls();
    const stalled = channel.anthropic.messages.stream(ask(scripted({ text: 'x', hang: true })));
    await new Promise<void>((resolve) => stalled.on('text', () => resolve()));
    stalled.abort();
    await stalled.finalMessage().catch(() => {});
    await expect.poll(openCalls, { interval: 5 }).toBe(before);
    await expect.poll(() => provider.running(), { interval: 5 }).toBe(0);
  });

  it('its refusals keep status and advice, and lose keys, hosts and account names', async () => {
    const failed = await channel.openai.chat.completions.create(chat('TALKATIVE')).catch((e) => e);
    expect(failed).toBeInstanceOf(OpenAI.RateLimitError);
    expect(failed.headers.get('retry-after')).toBe('7');
    const told = JSON.stringify([failed.error, [...failed.headers], failed.message]);
    for (const secret of [KEY, 'abcd', 'org-secret', '127.0.0.1', 'set-cookie', 'sk-']) {
      expect(told).not.toContain(secret);
    }
  });

  it.each([
    ['REDIRECT', 1],
    ['GZIP', 1],
    ['PAGE', 1],
    ['HTML', 3],
  ])('%s is a bad gateway, after %i attempts', async (text, attempts) => {
    const count = provider.requests.length;
    const failed = await channel.anthropic.messages.create(ask(text)).catch((e) => e);
    expect(failed).toBeInstanceOf(Anthropic.InternalServerError);
    expect(failed.status).toBe(502);
    expect(failed.error.error.type).toBe('api_error');
    expect(provider.requests.length).toBe(count + attempts);
  });
});

describe('a provider that refuses the key or is not there', () => {
  it('a refused key is told in the envelope without any part of it', async () => {
    const wrong = await startDoors({
      upstreams: [
        { id: 'openai', base_url: `${provider.origin}/openai/v1`, api_key: 'sk-wrong-987654321' },
      ],
    });
    const own = await openTestChannel(wrong);
    const failed = await own.openai.chat.completions.create(chat('x')).catch((e) => e);
    expect(failed).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect(JSON.stringify(failed.error)).not.toContain('987654321');
    const nobody = await own.anthropic.messages.create(ask('x')).catch((e) => e);
    expect(nobody).toMatchObject({ status: 404 });
    expect(wrong.log()).not.toContain('987654321');
    await own.close();
    await wrong.stop();
  });

  it('an unreachable one is a bad gateway that costs nothing and names no address', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const base_url = `http://127.0.0.1:${port}`;
    const lost = await startDoors({ upstreams: [{ id: 'anthropic', base_url, api_key: KEY }] });
    const own = await openTestChannel(lost);
    await lost.management.openTurn(own.id, 'turn_1');
    const failed = await own.anthropic.messages.create(ask('x')).catch((e) => e);
    expect(failed).toMatchObject({ status: 502 });
    expect(JSON.stringify(failed.error)).not.toContain(String(port));
    expect(await lost.management.closeTurn(own.id, 'turn_1')).toMatchObject({
      calls: 1,
      estimated_calls: 0,
      usage: { total_tokens: 0 },
    });
    await own.close();
    await lost.stop();
  });
});

async function openCalls(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${doors.metricsPort}/metrics`)).text();
  return Number(/^karta_doors_calls_in_flight (\d+)/m.exec(text)?.[1]);
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}
