import { type AddressInfo, connect as connectPlain, createServer } from 'node:net';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Hello, HelloReader } from './client-hello.ts';

/** What one read of all these bytes tells. */
function readHello(bytes: Buffer): Hello {
  return new HelloReader().push(bytes);
}

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
  for (const text of ['GET / HTTP/1.1\r\n', 'SSH-2.0-x\r\n', '\x16GET', '\x15\x02\x00']) {
    expect(readHello(Buffer.from(text, 'latin1')), text).toBe('nameless');
  }
});

it('takes no TLS that begins otherwise: servers pass over an alert, and read a name after it', async () => {
  const hello = await helloOf('elsewhere.example.com');
  const alert = Buffer.from([21, 3, 1, 0, 2, 1, 90]);
  const cipherChange = Buffer.from([20, 3, 3, 0, 1, 1]);
  const helloRequest = Buffer.from([22, 3, 1, 0, 4, 0, 0, 0, 0]);
  for (const before of [alert, cipherChange, helloRequest]) {
    expect(readHello(Buffer.concat([before, hello]))).toBe('broken');
    const [head, rest] = [inRecords(hello, 40).subarray(0, 45), inRecords(hello, 40).subarray(45)];
    const between = before === helloRequest ? Buffer.from('GET /') : before;
    expect(readHello(Buffer.concat([head, between, rest]))).toBe('broken');
  }
});

it('looks at each byte once, in whatever pieces and records they come', async () => {
  const empty = Buffer.from([22, 3, 1, 0, 0]);
  const records = Buffer.concat(Array.from({ length: 13_000 }, () => empty));
  const hello = await helloOf('api.example.com');
  const whole = Buffer.concat([records, inRecords(hello, 1)]);
  expect(readHello(whole)).toEqual({ names: ['api.example.com'] });
  const reader = new HelloReader();
  const told = Array.from(whole, (byte) => reader.push(Buffer.from([byte])));
  expect(told.pop()).toEqual({ names: ['api.example.com'] });
  expect(new Set(told)).toEqual(new Set(['more']));
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
