import { readFile, stat } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { CHANNEL_PATHS } from '@karta/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as limits from '../limits.ts';
import { openTestChannel, scripted, type TestChannel } from '../testing/open-channel.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

let doors: StartedDoors;
let channel: TestChannel;

beforeAll(async () => {
  doors = await startDoors();
  channel = await openTestChannel(doors);
});
afterAll(async () => {
  await channel.close();
  await doors.stop();
});

const MESSAGES = `${CHANNEL_PATHS.anthropic}/v1/messages`;
const CHAT = `${CHANNEL_PATHS.openai}/chat/completions`;
const ask = (content: string) => ({
  model: 'm',
  max_tokens: 1000,
  messages: [{ role: 'user' as const, content }],
});

/** A raw request over the channel's own socket. */
function send(
  path: string,
  options: { headers?: Record<string, string>; body?: string; method?: string; agent?: http.Agent },
): Promise<http.IncomingMessage> {
  const { headers = { 'x-api-key': channel.credential }, body, method = 'POST' } = options;
  const { socketPath } = channel;
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, path, method, headers, agent: options.agent });
    request.on('response', resolve).on('error', reject).end(body);
  });
}

describe('the credential of a channel', () => {
  it('is taken as x-api-key and as bearer token', async () => {
    const body = JSON.stringify(ask(scripted({ text: 'x' })));
    for (const headers of [
      { 'x-api-key': channel.credential },
      { authorization: `Bearer ${channel.credential}` },
    ]) {
      expect((await send(MESSAGES, { headers, body })).statusCode).toBe(200);
    }
  });

  it.each([
    {},
    { 'x-api-key': '' },
    { 'x-api-key': 'kch_wrong' },
    { authorization: 'Bearer ' },
    { authorization: 'Basic x' },
  ])('nothing else is taken: %j', async (headers) => {
    const anthropic = await send(MESSAGES, { headers, body: '{}' });
    expect(anthropic.statusCode).toBe(401);
    expect(await json(anthropic)).toMatchObject({ error: { type: 'authentication_error' } });
    const openai = await send(CHAT, { headers, body: '{}' });
    expect(await json(openai)).toMatchObject({ error: { code: 'invalid_api_key' } });
  });

  it('is worth nothing on another channel', async () => {
    const other = await openTestChannel(doors);
    const headers = { 'x-api-key': other.credential };
    expect((await send(MESSAGES, { headers, body: '{}' })).statusCode).toBe(401);
    await other.close();
  });
});

describe('what a channel refuses', () => {
  it('unknown paths, in the envelope of their family', async () => {
    const unknown = await send('/openai/v1/embeddings', { body: '{}' });
    expect(unknown.statusCode).toBe(404);
    expect(await json(unknown)).toMatchObject({ error: { type: 'invalid_request_error' } });
    const elsewhere = await send('/metrics', { method: 'GET' });
    expect(await json(elsewhere)).toMatchObject({ error: { type: 'not_found_error' } });
  });

  it('bodies that announce or prove to be too large', async () => {
    const headers = { 'x-api-key': channel.credential, 'content-length': '60000000' };
    const announced = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const { socketPath } = channel;
      const request = http.request({ socketPath, path: MESSAGES, method: 'POST', headers });
      request.on('response', resolve).on('error', reject).flushHeaders();
    });
    expect(announced.statusCode).toBe(413);
    announced.destroy();
    const body = `"${'x'.repeat(limits.REQUEST_BODY_BYTES)}"`;
    const chunked = { 'x-api-key': channel.credential, 'transfer-encoding': 'chunked' };
    const proven = await send(MESSAGES, { headers: chunked, body });
    expect(proven.statusCode).toBe(413);
    expect(await json(proven)).toMatchObject({ error: { type: 'request_too_large' } });
  });

  it('broken JSON, broken HTTP and giant headers, and goes on', async () => {
    expect((await send(MESSAGES, { body: '{"model":' })).statusCode).toBe(400);
    const garbage = connect(channel.socketPath);
    garbage.end('\x00\xff\r\n\r\n');
    expect(await text(garbage)).toMatch(/^HTTP\/1.1 400/);
    const headers = { 'x-api-key': channel.credential, 'x-big': 'x'.repeat(40_000) };
    expect((await send(MESSAGES, { headers, body: '{}' })).statusCode).toBe(431);
    const body = JSON.stringify(ask(scripted({ text: 'alive' })));
    expect((await send(MESSAGES, { body })).statusCode).toBe(200);
  });

  it('more calls at once than it allows', async () => {
    const own = await openTestChannel(doors);
    const abort = new AbortController();
    const hanging = Array.from({ length: limits.CHANNEL_CALLS }, async () => {
      const stream = own.anthropic.messages.stream(ask(scripted({ text: 'x', hang: true })), {
        signal: abort.signal,
      });
      await new Promise<void>((resolve) => stream.on('text', () => resolve()));
      return stream;
    });
    const streams = await Promise.all(hanging);
    const refused = own.anthropic.messages.create(ask(scripted({ text: 'x' })));
    await expect(refused).rejects.toMatchObject({ status: 429 });
    abort.abort();
    await Promise.all(streams.map((stream) => stream.finalMessage().catch(() => {})));
    await own.close();
  });
});

describe('a channel', () => {
  it('keeps connections alive', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const body = JSON.stringify({ ...ask(scripted({ text: 'x' })), stream: true });
    const sockets = new Set<unknown>();
    for (let index = 0; index < 3; index += 1) {
      const response = await send(MESSAGES, { body, agent });
      sockets.add(response.socket);
      expect(await text(response)).toContain('message_stop');
    }
    expect(sockets.size).toBe(1);
    agent.destroy();
  });

  it('lies behind a passage that nobody can list, open to the user of any sandbox', async () => {
    expect((await stat(channel.socketPath)).mode & 0o777).toBe(0o666);
    expect((await stat(dirname(channel.socketPath))).mode & 0o777).toBe(0o711);
    expect((await stat(dirname(dirname(channel.socketPath)))).mode & 0o777).toBe(0o711);
    expect(dirname(channel.socketPath)).toMatch(/\/[\w-]{22}$/);
  });

  it('is gone when closed, its calls cut', async () => {
    const own = await openTestChannel(doors);
    const stream = own.anthropic.messages.stream(ask(scripted({ text: 'x', hang: true })));
    await new Promise<void>((resolve) => stream.on('text', () => resolve()));
    const cut = expect(stream.finalMessage()).rejects.toThrow();
    await doors.management.closeChannel(own.id);
    await cut;
    await expect(stat(dirname(own.socketPath))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(doors.management.openTurn(own.id, 'turn_1')).rejects.toThrow(/404/);
  });

  it('slows the model down to the pace of its reader', async () => {
    const body = JSON.stringify({
      ...ask(scripted({ text: 'x'.repeat(1000), n: 1 })),
      stream: true,
    });
    const many = body.replace('\\"n\\":1', '\\"n\\":100000');
    const response = await send(MESSAGES, { body: many });
    response.pause();
    await new Promise((resolve) => response.once('readable', resolve));
    const first = await doorsRss();
    await expect.poll(async () => (await doorsRss()) - first, { timeout: 1_000 }).toBeLessThan(64);
    response.destroy();
  });
});

describe('a parked channel', () => {
  it('answers every wire with the same few words, and bills nothing', async () => {
    const parked = await openTestChannel(doors, 'parked');
    await doors.management.openTurn(parked.id, 'turn_1');
    const content = scripted({ err: 500 });
    const chat = { model: 'm', messages: ask(content).messages };
    const said = [
      (await parked.anthropic.messages.stream(ask(content)).finalMessage()).content[0],
      (await parked.anthropic.messages.create(ask(content))).content[0],
      (await parked.openai.chat.completions.stream(chat).finalChatCompletion()).choices[0]?.message,
      (await parked.openai.chat.completions.create(chat)).choices[0]?.message,
      (await parked.openai.responses.create({ model: 'm', input: content })).output_text,
    ];
    for (const words of said) expect(JSON.stringify(words)).toContain('Ready.');
    const booked = await doors.management.closeTurn(parked.id, 'turn_1');
    expect(booked).toMatchObject({ calls: 0, usage: { total_tokens: 0 } });
    await doors.management.claim(parked.id, 'sess_9');
    const live = await parked.anthropic.messages.create(ask(scripted({ text: 'live' })));
    expect(live.content).toMatchObject([{ text: 'live' }]);
    await parked.close();
  });
});

/** Resident memory of the doors process, in MB. */
async function doorsRss(): Promise<number> {
  const status = await readFile(`/proc/${doors.process.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
