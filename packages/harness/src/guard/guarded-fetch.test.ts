import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  connect,
  createServer as createRawServer,
  type Server as RawServer,
  type Socket,
} from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createGuardedFetch, type GuardedFetch } from './guarded-fetch.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const LISTEN = { headers: {}, signal: new AbortController().signal };

interface Peer extends GuardedFetch {
  dials: () => number;
}

async function listen(server: Server | RawServer): Promise<Peer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let dials = 0;
  const sockets = new Set<Socket>();
  const guarded = createGuardedFetch({
    dial: async () => {
      dials += 1;
      const socket = connect(port, '127.0.0.1');
      sockets.add(socket);
      await once(socket, 'connect');
      return socket;
    },
  });
  ends.push(() => {
    guarded.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { ...guarded, dials: () => dials };
}

const http = (listener: RequestListener) => listen(createServer(listener));

/** A peer that answers each connection with the given bytes, whatever it is sent. */
const raw = (answer: (socket: Socket) => void) =>
  listen(
    createRawServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => answer(socket));
    }),
  );

/** Sends for as long as the peer takes it, and counts. */
function flood(socket: Duplex, piece: string): { sent: () => number } {
  const chunk = piece.repeat(Math.ceil(65_536 / piece.length));
  let sent = 0;
  const more = () => {
    while (!socket.destroyed) {
      sent += chunk.length;
      if (!socket.write(chunk)) return;
    }
  };
  socket.on('drain', more);
  more();
  return { sent: () => sent };
}

describe('an honest server', () => {
  it('is asked with method, path, headers and body, and answers', async () => {
    const peer = await http(async (request, response) => {
      const body: Buffer[] = [];
      for await (const chunk of request) body.push(chunk);
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          method: request.method,
          url: request.url,
          auth: request.headers.authorization,
          encoding: request.headers['accept-encoding'],
          body: Buffer.concat(body).toString(),
        }),
      );
    });
    const response = await peer.fetch(
      new Request('http://inside/session?directory=%2Fworkspace', {
        method: 'POST',
        headers: { authorization: 'Basic x' },
        body: '{"a":1}',
      }),
    );
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      method: 'POST',
      url: '/session?directory=%2Fworkspace',
      auth: 'Basic x',
      encoding: 'identity',
      body: '{"a":1}',
    });
  });

  it('is posted a JSON body in one piece, and answers', async () => {
    const pieces: string[] = [];
    const peer = await raw((socket) =>
      socket.end('HTTP/1.1 503 Busy\r\ncontent-length: 2\r\n\r\nno'),
    );
    const whole = await http(async (request, response) => {
      for await (const chunk of request) pieces.push(String(chunk));
      const { authorization, 'content-type': type, 'content-length': length } = request.headers;
      response.end(JSON.stringify([request.method, request.url, authorization, type, length]));
    });
    const init = { headers: { authorization: 'Basic x' }, json: { text: 'größe' } };
    const answer = await whole.post('http://inside/prompt?directory=%2F', init);
    expect(JSON.parse(await answer.text())).toEqual([
      ...['POST', '/prompt?directory=%2F', 'Basic x', 'application/json', '18'],
    ]);
    expect(pieces).toEqual(['{"text":"größe"}']);
    const busy = await peer.post('http://inside/', init);
    expect([busy.status, await busy.text()]).toEqual([503, 'no']);
  });

  it('is asked again over the same connection', async () => {
    const peer = await http((_, response) => response.end('ok'));
    for (let count = 0; count < 5; count += 1) {
      expect(await (await peer.fetch('http://inside/')).text()).toBe('ok');
    }
    expect(peer.dials()).toBe(1);
  });

  it('gives error statuses and empty answers as they are', async () => {
    const peer = await http((request, response) => {
      response.statusCode = request.url === '/none' ? 204 : 503;
      response.end(request.url === '/none' ? undefined : 'busy');
    });
    expect((await peer.fetch('http://inside/none')).body).toBeNull();
    const busy = await peer.fetch('http://inside/');
    expect([busy.status, await busy.text()]).toEqual([503, 'busy']);
  });

  it('streams events as they come', async () => {
    let write: (text: string) => void = () => {};
    const peer = await http((_, response) => {
      response.setHeader('content-type', 'text/event-stream; charset=utf-8');
      response.flushHeaders();
      write = (text) => response.write(text);
    });
    const events = await peer.events('http://inside/event', LISTEN);
    const batches = events[Symbol.asyncIterator]();
    write(
      'event: a\r\nid: 7\r\ndata: {"x":1}\r\n\r\n: beat\n\nretry: 1\ndata: {"y":\ndata: 2}\n\ndata: [',
    );
    expect(await batches.next()).toEqual({ done: false, value: [{ x: 1 }, { y: 2 }] });
    write('3]\n\n');
    expect(await batches.next()).toEqual({ done: false, value: [[3]] });
    await batches.return?.();
  });

  it('tells the events before one that breaks a bound', async () => {
    const peer = await http((_, response) => {
      response.setHeader('content-type', 'text/event-stream');
      response.write('data: 1\n\ndata: nonsense\n\n');
    });
    const events = await peer.events('http://inside/event', LISTEN);
    const batches = events[Symbol.asyncIterator]();
    expect((await batches.next()).value).toEqual([1]);
    await expect(batches.next()).rejects.toMatchObject({ code: 'not_json' });
  });

  it.each([
    [503, 'text/event-stream'],
    [200, 'text/plain'],
  ])('is no event stream when it answers %i with %s', async (status, type) => {
    const peer = await http((_, response) => {
      response.writeHead(status, { 'content-type': type }).end('data: 1\n\n');
    });
    await expect(peer.events('http://inside/event', LISTEN)).rejects.toThrow(`${status}`);
  });

  it('gets head and body of a request in one piece', async () => {
    const pieces: string[] = [];
    const peer = await listen(
      createRawServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', (chunk: Buffer) => {
          pieces.push(chunk.toString());
          socket.end('HTTP/1.1 204 No Content\r\n\r\n');
        });
      }),
    );
    await peer.fetch(new Request('http://inside/x', { method: 'POST', body: '{"a":1}' }));
    expect(pieces).toHaveLength(1);
    expect(pieces[0]).toMatch(/content-length: 7\r\n\r\n\{"a":1\}$/i);
  });

  it('is given up when a request takes longer than its path allows', async () => {
    const guarded = createGuardedFetch({
      dial: async () => duplexPair()[0],
      timeoutMs: (path) => (path === '/bounded' ? 20 : null),
    });
    const late = { name: 'TimeoutError' };
    await expect(guarded.fetch('http://inside/bounded')).rejects.toMatchObject(late);
    const posted = guarded.post('http://inside/bounded', { headers: {}, json: {} });
    await expect(posted).rejects.toMatchObject(late);
    guarded.close();
  });

  it('is given up when the body of its answer does not come in time', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{');
    });
    const guarded = createGuardedFetch({
      dial: async () => {
        const [ours, theirs] = duplexPair();
        server.emit('connection', theirs);
        return ours;
      },
      timeoutMs: () => 200,
    });
    const answer = await guarded.post('http://inside/', { headers: {}, json: {} });
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
    guarded.close();
  });

  it('works over a channel that is not a socket', async () => {
    const server = createServer((_, response) => response.end('over a pair'));
    const guarded = createGuardedFetch({
      dial: async () => {
        const [ours, theirs] = duplexPair();
        server.emit('connection', theirs);
        return ours;
      },
    });
    for (let count = 0; count < 3; count += 1) {
      expect(await (await guarded.fetch('http://inside/')).text()).toBe('over a pair');
    }
    guarded.close();
  });

  it('is left at once when the request is aborted, before and during the answer', async () => {
    const peer = await http((request, response) => {
      if (request.url === '/stream') {
        response.setHeader('content-type', 'text/event-stream');
        response.flushHeaders();
      }
    });
    const silent = new AbortController();
    const waiting = peer.fetch('http://inside/', { signal: silent.signal });
    silent.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const streaming = new AbortController();
    const { signal } = streaming;
    const events = await peer.events('http://inside/stream', { headers: {}, signal });
    const read = events[Symbol.asyncIterator]().next();
    streaming.abort();
    await expect(read).rejects.toThrow();
  });

  it('fails clearly when nothing listens', async () => {
    const guarded = createGuardedFetch({
      dial: () => Promise.reject(new Error('nothing listens')),
    });
    await expect(guarded.fetch('http://inside/')).rejects.toThrow('nothing listens');
  });
});

describe('a hostile server', () => {
  it.each([301, 302, 303, 307, 308])('cannot redirect with %i', async (status) => {
    let asked = 0;
    const peer = await http((_, response) => {
      asked += 1;
      response.writeHead(status, { location: 'http://169.254.169.254/' }).end();
    });
    const post = peer.fetch('http://inside/', { method: 'POST', body: 'secret' });
    await expect(post).rejects.toMatchObject({ name: 'GuardError', code: 'redirect' });
    const direct = peer.post('http://inside/', { headers: {}, json: 'secret' });
    await expect(direct).rejects.toMatchObject({ name: 'GuardError', code: 'redirect' });
    expect(asked).toBe(2);
  });

  it('cannot send a compressed body', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const peer = await http((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    await expect(peer.fetch('http://inside/')).rejects.toMatchObject({ code: 'encoded' });
  });

  it('cannot send a head without end', async () => {
    const peer = await raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      flood(socket, `x-header: ${'x'.repeat(1000)}\r\n`);
    });
    await expect(peer.fetch('http://inside/')).rejects.toMatchObject({ code: 'headers_too_large' });
  });

  it('cannot answer what is not HTTP', async () => {
    const peer = await raw((socket) => flood(socket, 'nonsense\n'));
    await expect(peer.fetch('http://inside/')).rejects.toMatchObject({ code: 'protocol' });
  });

  it.each(['text/plain', 'application/json'])('cannot send %s without end', async (type) => {
    let sent = () => 0;
    const peer = await raw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n\r\n`);
      sent = flood(socket, 'x'.repeat(65_536)).sent;
    });
    const response = await peer.fetch('http://inside/');
    await expect(response.text()).rejects.toMatchObject({ code: 'frame_too_large' });
    expect(sent()).toBeLessThan(40 * 1024 * 1024);
  });

  it('waits in its own pipe when its body is not read', async () => {
    let sent = () => 0;
    const peer = await raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n');
      sent = flood(socket, 'data: {"a":1}\n\n'.repeat(1000)).sent;
    });
    const events = await peer.events('http://inside/', LISTEN);
    const batches = events[Symbol.asyncIterator]();
    for (let count = 0; count < 10; count += 1) await batches.next();
    // What the kernel's buffers and one stream buffer hold; far from what the peer would send.
    expect(sent()).toBeLessThan(20 * 1024 * 1024);
    await batches.return?.();
  });

  it.each([
    ['one line without end', 'data: ', 'x'.repeat(65_536), 'frame_too_large'],
    ['lines without a blank one', '', `data: ${'x'.repeat(1000)}\n`, 'frame_too_large'],
    [
      'carriage returns that other parsers take as line ends',
      '',
      'data: {}\r\r',
      'frame_too_large',
    ],
    ['a carriage return inside a line', '', 'data: {}\rdata: 1\n\n', 'protocol'],
    ['deep JSON', '', `data: ${'['.repeat(1000)}\n\n`, 'json_too_complex'],
    ['no JSON', '', 'data: hello\n\n', 'not_json'],
  ])('cannot send events with %s', async (_, head, chunk, code) => {
    const peer = await raw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${head}`);
      flood(socket, chunk);
    });
    const events = await peer.events('http://inside/', LISTEN);
    const read = async () => {
      for await (const _ of events);
    };
    await expect(read()).rejects.toMatchObject({ name: 'GuardError', code });
  });

  it('cannot send deep JSON or a prototype', async () => {
    const peer = await http((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(request.url === '/deep' ? '['.repeat(100_000) : '{"__proto__":{"a":1},"b":2}');
    });
    const deep = await peer.fetch('http://inside/deep');
    await expect(deep.json()).rejects.toMatchObject({ code: 'json_too_complex' });
    expect(await (await peer.fetch('http://inside/')).text()).toBe('{"b":2}');
  });

  it('that goes away in mid-answer fails the reader', async () => {
    const peer = await raw((socket) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
    });
    await expect((await peer.fetch('http://inside/')).text()).rejects.toThrow();
  });
});
