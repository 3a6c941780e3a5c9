import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goneSignal } from './client-gone.ts';

let server: ReturnType<typeof createServer>;
beforeEach(async () => {
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => server.close());

async function request(): Promise<{ outgoing: ServerResponse; leave(): void }> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  const arrived = once(server, 'request');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [, outgoing] = await arrived;
  return { outgoing, leave: () => socket.destroy() };
}

describe('goneSignal', () => {
  it('aborts when the client goes', async () => {
    const { outgoing, leave } = await request();
    const signal = goneSignal(outgoing);
    expect(signal.aborted).toBe(false);
    const aborted = once(signal, 'abort');
    leave();
    await aborted;
  });

  it('is aborted from the start when the client went before anybody asked', async () => {
    const { outgoing, leave } = await request();
    const closed = once(outgoing, 'close');
    leave();
    await closed;
    expect(goneSignal(outgoing).aborted).toBe(true);
  });
});
