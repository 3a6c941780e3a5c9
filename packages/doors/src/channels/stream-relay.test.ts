import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import type { RelayOptions } from './relay.ts';
import { type RelayServer, serveRelay } from './testing/relay-server.ts';

const EVENT = 'data: {"word":"Grüße"}\n\n';
const HEAD = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

let server: RelayServer;
afterEach(() => server.close());

/** A connection whose every request is answered with the next of `bodies`. */
async function connected(bodies: Readable[], options: Partial<RelayOptions> = {}) {
  server = await serveRelay(bodies, options);
  const { port, endings } = server;
  return { socket: connect({ port, host: '127.0.0.1' }), endings };
}

const stream = (...pieces: string[]) =>
  Readable.from(
    pieces.map((piece) => Buffer.from(piece)),
    { objectMode: false },
  );

describe('an event stream on the wire', () => {
  it('comes in chunks of what came at once, and its connection serves the next call', async () => {
    const { socket, endings } = await connected([stream(EVENT, EVENT.repeat(2)), stream()]);
    let told = '';
    socket.on('data', (bytes) => {
      told += bytes.toString();
    });
    const size = Buffer.byteLength(EVENT);
    const chunk = (events: number) =>
      `${(events * size).toString(16)}\r\n${EVENT.repeat(events)}\r\n`;
    socket.write(HEAD);
    await expect.poll(() => told).toContain(`\r\n\r\n${chunk(1)}${chunk(2)}0\r\n\r\n`);
    expect(told.match(/transfer-encoding: chunked/gi)).toHaveLength(1);
    told = '';
    socket.write(HEAD);
    await expect.poll(() => told).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n0\r\n\r\n$/);
    expect(await Promise.all(endings)).toEqual(['complete', 'complete']);
    socket.destroy();
  });

  it('comes without chunks where the client knows none, and ends with its connection', async () => {
    const { socket } = await connected([stream(EVENT, EVENT)]);
    socket.write('GET / HTTP/1.0\r\n\r\n');
    const told = await text(socket);
    expect(told).not.toMatch(/transfer-encoding/i);
    expect(told.split('\r\n\r\n')[1]).toBe(EVENT.repeat(2));
  });

  it('ends where what is to be done before its end is done', async () => {
    const done = Promise.withResolvers<void>();
    const { socket, endings } = await connected([stream(EVENT)], { beforeEnd: () => done.promise });
    let told = '';
    socket.on('data', (bytes) => {
      told += bytes.toString();
    });
    socket.write(HEAD);
    await expect.poll(() => told).toContain(EVENT);
    expect(told).not.toContain('0\r\n\r\n');
    done.resolve();
    await expect.poll(() => told).toMatch(/\r\n0\r\n\r\n$/);
    expect(await endings[0]).toBe('complete');
    socket.destroy();
  });

  it('is cut where that fails', async () => {
    const beforeEnd = () => Promise.reject(new Error('the disk is full'));
    const { socket, endings } = await connected([stream(EVENT)], { beforeEnd });
    socket.write(HEAD);
    expect(await text(socket)).not.toContain('0\r\n\r\n');
    expect(await endings[0]).toBe('cut');
  });

  it('is not begun where its first bytes turn it away', async () => {
    const { socket, endings } = await connected([stream(EVENT)], { turnsAway: () => true });
    let told = '';
    socket.on('data', (bytes) => {
      told += bytes.toString();
    });
    socket.write(HEAD);
    await expect.poll(() => endings.length).toBe(1);
    expect(await endings[0]).toBe('turned_away');
    expect(told).toBe('');
    socket.destroy();
  });
});
