import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { type RelayServer, serveRelay } from './testing/relay-server.ts';

let server: RelayServer;
afterEach(() => server.close());

/** Relays `body` to one client, and tells both sides. */
async function relayed(body: Readable, options: { hideUsage?: boolean; type?: string } = {}) {
  const chunks: Buffer[] = [];
  server = await serveRelay([body], { ...options, onChunk: (chunk) => chunks.push(chunk) });
  const { port, endings } = server;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ port, host: '127.0.0.1' }, resolve).on('error', reject);
  });
  // It has come: the answer to it has begun.
  const ending = Promise.all(endings).then(([how]) => how);
  return { response, ending, seen: () => Buffer.concat(chunks).toString() };
}

describe('relaying an answer', () => {
  it('passes every byte on, shows it to the meter, and ends complete', async () => {
    const body = Readable.from([Buffer.from('one'), Buffer.from('two')], { objectMode: false });
    const { response, ending, seen } = await relayed(body);
    expect(await text(response)).toBe('onetwo');
    expect(await ending).toBe('complete');
    expect(seen()).toBe('onetwo');
  });

  it('that is there as a whole says how long it is', async () => {
    const body = Readable.from([Buffer.from('one'), Buffer.from('two')], { objectMode: false });
    const { response, ending } = await relayed(body, { type: 'application/json' });
    expect(response.headers['content-length']).toBe('6');
    expect(await text(response)).toBe('onetwo');
    expect(await ending).toBe('complete');
  });

  it('that is no stream and comes slowly goes on as it comes', async () => {
    const body = new Readable({ read() {} });
    const { response, ending } = await relayed(body, { type: 'application/json' });
    for (const word of ['one', 'two']) {
      body.push(word);
      const [chunk] = await once(response, 'data');
      expect(String(chunk)).toBe(word);
    }
    body.push(null);
    expect(await text(response)).toBe('');
    expect(await ending).toBe('complete');
  });

  it('sends the head at once when no byte comes', async () => {
    const body = new Readable({ read() {} });
    const { response, ending } = await relayed(body);
    expect(response.statusCode).toBe(200);
    body.push('late');
    body.push(null);
    expect(await text(response)).toBe('late');
    expect(await ending).toBe('complete');
  });

  it('sends each chunk before the next is there', async () => {
    const body = new Readable({ read() {} });
    const { response } = await relayed(body);
    for (const word of ['one', 'two', 'three']) {
      body.push(word);
      const [chunk] = await new Promise<[Buffer]>((resolve) =>
        response.once('data', (data: Buffer) => resolve([data])),
      );
      expect(chunk.toString()).toBe(word);
    }
    body.push(null);
  });

  it('cuts the client when the provider cuts', async () => {
    const body = new Readable({ read() {} });
    const { response, ending } = await relayed(body);
    const cut = text(response).catch((error) => error.code);
    body.push('half');
    body.destroy(new Error('cut'));
    expect(await ending).toBe('cut');
    expect(await cut).toBe('ECONNRESET');
  });

  it('cuts the client when the provider had cut before', async () => {
    const body = new Readable({ read() {} });
    await new Promise((resolve) => body.on('error', resolve).destroy(new Error('cut')));
    await expect(relayed(body)).rejects.toThrow('socket hang up');
  });

  it('lets the provider go when the client goes', async () => {
    const body = new Readable({ read() {} });
    const { response, ending } = await relayed(body);
    response.destroy();
    expect(await ending).toBe('gone');
    expect(body.destroyed).toBe(true);
  });

  it('asks a provider for no more than a slow client reads', async () => {
    let made = 0;
    const body = new Readable({
      read() {
        made += 1;
        this.push(Buffer.alloc(65_536));
      },
    });
    const { response } = await relayed(body);
    response.pause();
    let before = -1;
    await expect
      .poll(() => {
        const still = made === before;
        before = made;
        return still;
      })
      .toBe(true);
    expect(made * 65_536).toBeLessThan(32 * 1024 * 1024);
  });

  it('still shows the meter the usage that it hides from the client', async () => {
    const usage = 'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n';
    const body = Readable.from([Buffer.from(`data: {}\n\n${usage}data: [DONE]\n\n`)], {
      objectMode: false,
    });
    const { response, seen } = await relayed(body, { hideUsage: true });
    expect(await text(response)).toBe('data: {}\n\ndata: [DONE]\n\n');
    expect(seen()).toContain(usage);
  });
});
