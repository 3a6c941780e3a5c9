import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { platformKey } from '../keys/key-parts.ts';
import { routeOf } from '../wire/routes.ts';
import { anthropicUpstream } from './anthropic.ts';
import { openaiUpstream } from './openai.ts';
import { type ModelCall, UpstreamError } from './port.ts';

const KEY = platformKey('k');

let server: Server;
afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

const route = routeOf('POST', '/anthropic/v1/messages');
if (route === null) throw new Error('no route');
const call: ModelCall = { route, headers: {}, body: Buffer.from('{"a":1}'), channelId: 'c' };
const never = new AbortController().signal;
const ANSWER =
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-private: 1\r\ncontent-length: 2\r\n\r\n{}';

/** A provider that does with each request of each connection what `react` says. */
async function provider(react: (socket: Socket, connection: number, request: number) => void) {
  let connections = 0;
  server = createServer((socket) => {
    const connection = connections;
    connections += 1;
    let requests = 0;
    socket.on('error', () => {});
    socket.on('data', () => {
      react(socket, connection, requests);
      requests += 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const upstream = anthropicUpstream({ baseUrl: `http://127.0.0.1:${port}/x/` });
  return { upstream, connections: () => connections };
}

describe('a connection to a provider', () => {
  it('is kept, and replaced when the provider closed it in the meantime', async () => {
    const { upstream, connections } = await provider((socket, connection, request) => {
      if (connection === 0 && request === 2) socket.resetAndDestroy();
      else socket.write(ANSWER);
    });
    for (const expected of [1, 1, 2]) {
      const reply = await upstream.send(call, KEY, never);
      expect(await text(reply.body)).toBe('{}');
      expect(reply.headers).toEqual({ 'content-type': 'application/json' });
      expect(connections()).toBe(expected);
    }
    upstream.close();
  });

  it('that is cut before an answer may have been billed', async () => {
    const { upstream, connections } = await provider((socket) => socket.resetAndDestroy());
    const failed = await upstream.send(call, KEY, never).catch((error) => error);
    expect(failed).toBeInstanceOf(UpstreamError);
    expect(failed).toMatchObject({ sent: true, message: expect.not.stringContaining('127') });
    expect(connections()).toBe(1);
    upstream.close();
  });

  it('on which nothing is ever said is given up; the call may have been billed', async () => {
    const { upstream: reached } = await provider(() => {});
    const options = { baseUrl: reached.endpoint, silenceMs: 50 };
    const upstream = openaiUpstream(options);
    const failed = await upstream.send(call, KEY, never).catch((error) => error);
    expect(failed).toBeInstanceOf(UpstreamError);
    expect(failed.sent).toBe(true);
    upstream.close();
  });

  it('ends with the call', async () => {
    const abort = new AbortController();
    const closed = new Promise<void>((resolve) => {
      provider((socket) => {
        socket.on('close', () => resolve());
        abort.abort();
      }).then(({ upstream }) => upstream.send(call, KEY, abort.signal).catch(() => {}));
    });
    await closed;
  });

  it('passes the head on before the first byte of the body', async () => {
    const { upstream } = await provider((socket) => {
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
      );
    });
    const abort = new AbortController();
    const reply = await upstream.send(call, KEY, abort.signal);
    expect(reply.status).toBe(200);
    const broken = text(reply.body).catch((error) => error);
    abort.abort();
    expect(await broken).toBeInstanceOf(Error);
    upstream.close();
  });
});
