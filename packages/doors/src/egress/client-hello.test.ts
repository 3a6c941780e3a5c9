import { type AddressInfo, connect as connectPlain, createServer } from 'node:net';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readHello } from './client-hello.ts';

/** The first bytes of Node's own TLS client. */
async function helloOf(servername: string | undefined): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const said = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => socket.once('data', resolve));
  });
  const { port } = server.address() as AddressInfo;
  const socket = connectPlain(port, '127.0.0.1');
  const client = connect({ socket, ...(servername === undefined ? {} : { servername }) });
  client.on('error', () => {});
  const bytes = await said;
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** The same message in records of at most `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    const head = Buffer.from([22, 3, 1, 0, 0]);
    head.writeUInt16BE(part.length, 3);
    records.push(head, part);
  }
  return Buffer.concat(records);
}

it('tells whom a TLS client asks for, however its first message is cut', async () => {
  const hello = await helloOf('api.example.com');
  expect(readHello(hello)).toEqual({ names: ['api.example.com'] });
  for (const size of [1, 7, 100]) {
    expect(readHello(inRecords(hello, size))).toEqual({ names: ['api.example.com'] });
  }
  for (let length = 0; length < hello.length; length += 1) {
    expect(readHello(hello.subarray(0, length))).toBe('more');
  }
});

it('tells that nobody is asked for: no name, or no TLS', async () => {
  expect(readHello(await helloOf(undefined))).toBe('nameless');
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'SSH-2.0-x\r\n',
    '\x16GET',
    '\x16\x03\x01\x00\x04\x02abc',
  ]) {
    expect(readHello(Buffer.from(text, 'latin1')), text).toBe('nameless');
  }
});

it('never throws, whatever was changed on the way', async () => {
  const hello = await helloOf('api.example.com');
  const places = fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 12 });
  fc.assert(
    fc.property(places, (changes) => {
      const bytes = Buffer.from(hello);
      for (const [at, value] of changes) bytes[at] = value;
      readHello(bytes);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      readHello(Buffer.concat([Buffer.from([22, 3, 1]), noise]));
    }),
  );
});
