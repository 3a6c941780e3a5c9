import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { UpstreamError } from './port.ts';
import { type ConnectionOptions, providerConnection } from './provider-connection.ts';

const never = new AbortController().signal;
const REQUEST = { method: 'POST' as const, path: '/x', headers: {}, body: Buffer.from('{}') };
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';

let server: Server;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** A provider that does with each piece of each connection what `react` says. */
async function provider(react: (socket: Socket) => void, options: Partial<ConnectionOptions> = {}) {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).on('data', () => react(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return providerConnection({ baseUrl: `http://127.0.0.1:${port}`, ...options });
}

function failure(sent: Promise<unknown>): Promise<unknown> {
  return sent.then(
    () => 'answered',
    (error: unknown) => error,
  );
}

describe('connections to a provider', () => {
  it('are as many as there are calls, and kept for the next ones', async () => {
    const waiting: Socket[] = [];
    const connection = await provider((socket) => {
      waiting.push(socket);
      if (waiting.length % 20 === 0) for (const one of waiting.splice(0)) one.write(ANSWER);
    });
    for (let round = 0; round < 3; round += 1) {
      const calls = Array.from({ length: 20 }, () => connection.send(REQUEST, never));
      for (const { body } of await Promise.all(calls)) expect(await text(body)).toBe('{}');
    }
    expect(sockets).toHaveLength(20);
    connection.close();
    await expect.poll(() => sockets.every(({ readyState }) => readyState !== 'open')).toBe(true);
  });

  it('are made anew where the provider keeps none', async () => {
    const connection = await provider((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}'),
    );
    for (const count of [1, 2, 3]) {
      expect(await text((await connection.send(REQUEST, never)).body)).toBe('{}');
      expect(sockets).toHaveLength(count);
    }
  });
});

describe('an answer', () => {
  it('may be announced by early hints', async () => {
    const connection = await provider((socket) =>
      socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${ANSWER}`),
    );
    const { status, headers, body } = await connection.send(REQUEST, never);
    expect([status, headers, await text(body)]).toEqual([200, { 'content-length': '2' }, '{}']);
  });

  it('may say a header twice, and is not decompressed', async () => {
    const encoded = 'Content-Encoding: identity\r\ncontent-encoding: gzip\r\n';
    const connection = await provider((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\n${encoded}content-length: 2\r\n\r\n{}`),
    );
    const { headers, body } = await connection.send(REQUEST, never);
    expect(headers['content-encoding']).toBe('identity, gzip');
    expect(await text(body)).toBe('{}');
  });

  it('may come before the request is there as a whole', async () => {
    let told = false;
    const connection = await provider((socket) => {
      if (!told) socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}');
      told = true;
    });
    const body = Buffer.alloc(16 * 1024 * 1024);
    const answer = await connection.send({ ...REQUEST, body }, never);
    expect([answer.status, await text(answer.body)]).toEqual([413, '{}']);
  });

  it.each([
    ['is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['ends early', (socket: Socket) => socket.end()],
    ['is no HTTP any more', (socket: Socket) => socket.write('zz\r\n')],
  ])('that %s breaks off, read or not', async (_, end) => {
    const connection = await provider((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    });
    const read = await connection.send(REQUEST, never);
    const broken = failure(text(read.body));
    const unread = await connection.send(REQUEST, never);
    for (const socket of sockets) end(socket);
    expect(await broken).toBeInstanceOf(Error);
    await expect.poll(() => unread.body.errored).toBeInstanceOf(Error);
  });

  it('goes on in one piece where it came in one, whatever it is cut into', async () => {
    const connection = await provider((socket) => {
      const chunks = '1\r\na\r\n1\r\nb\r\n1\r\nc\r\n';
      socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}zz\r\n`);
    });
    const { body } = await connection.send(REQUEST, never);
    const pieces: string[] = [];
    body.on('data', (piece: Buffer) => pieces.push(piece.toString()));
    await expect.poll(() => body.errored).toBeInstanceOf(Error);
    expect(pieces).toEqual(['abc']);
  });

  it('that is not read on ends its connection', async () => {
    const connection = await provider((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    });
    const { body } = await connection.send(REQUEST, never);
    body.destroy();
    await expect.poll(() => sockets[0]?.readyState).not.toBe('open');
  });

  it('comes no faster than it is read', async () => {
    const connection = await provider((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      };
      socket.on('drain', more);
      more();
    });
    const { body } = await connection.send(REQUEST, never);
    body.once('data', () => body.pause());
    let before = -1;
    const still = () => {
      const written = sockets[0]?.bytesWritten ?? 0;
      const same = written === before;
      before = written;
      return same && written > 0;
    };
    await expect.poll(still, { interval: 100, timeout: 20_000 }).toBe(true);
    expect(before).toBeLessThan(32 * 1024 * 1024);
    const stopped = before;
    body.resume();
    await expect.poll(() => (sockets[0]?.bytesWritten ?? 0) > stopped).toBe(true);
    body.destroy();
  });

  it('whose headers are huge is none, and the call may have been billed', async () => {
    const connection = await provider((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`),
    );
    const failed = await failure(connection.send(REQUEST, never));
    expect(failed).toBeInstanceOf(UpstreamError);
    expect(failed).toMatchObject({ sent: true });
  });
});

describe('a call', () => {
  it('that is aborted before or while it connects was not sent', async () => {
    const abort = new AbortController();
    const connection = await provider(() => {}, { connect: () => abort.abort() });
    for (const signal of [AbortSignal.abort(), abort.signal]) {
      expect(await failure(connection.send(REQUEST, signal))).toMatchObject({
        name: 'UpstreamError',
        sent: false,
      });
    }
    expect(sockets).toHaveLength(0);
  });

  it('ends with the client that asked, whatever its connection served before, and no other does', async () => {
    let answers = 2;
    const connection = await provider((socket) => {
      answers -= 1;
      if (answers >= 0) socket.write(ANSWER);
    });
    const [gone, stays] = [new AbortController(), new AbortController()];
    for (let earlier = 0; earlier < 2; earlier += 1) {
      expect(await text((await connection.send(REQUEST, gone.signal)).body)).toBe('{}');
    }
    const another = connection.send(REQUEST, stays.signal);
    const aborted = failure(connection.send(REQUEST, gone.signal));
    await expect.poll(() => sockets.length).toBe(2);
    const [kept, fresh] = sockets;
    gone.abort();
    expect(await aborted).toBeInstanceOf(UpstreamError);
    await expect.poll(() => fresh?.readyState).not.toBe('open');
    // The other has the connection that served the one who has gone.
    kept?.write(ANSWER);
    expect(await text((await another).body)).toBe('{}');
  });

  it('that cannot connect was not sent, and says why', async () => {
    const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    const connection = await provider(() => {}, { connect: (_, done) => done(refused, null) });
    const failed = await failure(connection.send(REQUEST, never));
    expect(failed).toMatchObject({ name: 'UpstreamError', sent: false, cause: refused });
  });

  it('that no provider can be sent is a mistake of ours', async () => {
    const connection = await provider((socket) => socket.write(ANSWER));
    const wrong = { ...REQUEST, headers: { 'x-a': 'a\r\nb: c' } };
    const failed = await failure(connection.send(wrong, never));
    expect(failed).toBeInstanceOf(Error);
    expect(failed).not.toBeInstanceOf(UpstreamError);
  });
});
