import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Readable } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { afterEach, describe, expect, it } from 'vitest';
import { fileBody } from './file-body.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** All bytes that two requests on one connection get, when each is answered by such a file. */
async function twoAnswers(size: number, source: () => Readable): Promise<string> {
  const server = createServer(
    getRequestListener((_request, bindings) => {
      const body = fileBody(source(), size, bindings.outgoing as never);
      return new Response(body, { headers: { 'content-length': String(size) } });
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket) chunks.push(chunk as Buffer);
  } catch {
    // A cut connection may show as a reset; what came before is what counts.
  }
  return Buffer.concat(chunks).toString();
}

describe('a file that keeps to its size', () => {
  it('comes whole, and the connection goes on', async () => {
    const text = await twoAnswers(6, () => Readable.from([Buffer.from('abc'), Buffer.from('def')]));
    expect(text.match(/abcdef/g)).toHaveLength(2);
  });
});

describe('a file that does not', () => {
  const forged = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

  it('never reaches the next answer when it is longer', async () => {
    const text = await twoAnswers(3, () =>
      Readable.from([Buffer.from('abc'), Buffer.from(forged)]),
    );
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('is cut when it is shorter or fails, without a word of why', async () => {
    const short = await twoAnswers(9, () => Readable.from([Buffer.from('abc')]));
    const failing = await twoAnswers(9, () =>
      Readable.from(
        (async function* () {
          yield Buffer.from('abc');
          throw new Error('secret-cause');
        })(),
      ),
    );
    for (const text of [short, failing]) {
      expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
      expect(text).not.toContain('secret-cause');
    }
  });
});
