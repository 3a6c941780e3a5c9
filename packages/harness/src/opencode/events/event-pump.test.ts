import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { GuardError } from '../../guard/index.ts';
import { connect } from '../server/connection.ts';
import { pumpEvents } from './event-pump.ts';
import type { ServerEvent } from './schema.ts';

type Serve = (response: ServerResponse, connection: number) => void;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const busy = (sessionID: string) =>
  `data: ${JSON.stringify({
    type: 'session.status',
    properties: { sessionID, status: { type: 'busy' } },
  })}\n\n`;

/** A server that may be anything, as seen through the real connection and guard. */
async function pump(serve: Serve) {
  let connections = 0;
  const server = createServer((request, response) => {
    expect(request.url).toBe('/event?directory=%2Fworkspace');
    expect(request.headers.authorization).toBe(`Basic ${btoa('opencode:pw')}`);
    connections += 1;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    serve(response, connections);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const reading = new AbortController();
  closing.push(() => {
    reading.abort();
    server.close();
    server.closeAllConnections();
  });
  const connection = connect({
    dial: async () => connectSocket(port, '127.0.0.1'),
    password: 'pw',
    directory: '/workspace',
  });
  const told: string[] = [];
  const lost = Promise.withResolvers<Error>();
  const seen = Promise.withResolvers<void>();
  const handlers = {
    onEvent: async (event: ServerEvent) => {
      told.push(event.type === 'session.status' ? event.properties.sessionID : event.type);
      if (told.at(-1) === 'last') seen.resolve();
    },
    onReconnected: async () => {
      told.push('reconnected');
    },
    onLost: lost.resolve,
  };
  await pumpEvents(connection, handlers, reading.signal);
  return { told, lost: lost.promise, seen: seen.promise };
}

test('events arrive in order, noise left out', async () => {
  const { told, seen } = await pump((response) => {
    response.write(': comment\n\n');
    response.write('data: {"type":"server.connected","properties":{}}\n\n');
    response.write(`${busy('a')}${busy('b')}`);
    response.write(busy('last'));
  });
  await seen;
  expect(told).toEqual(['a', 'b', 'last']);
});

test('a broken stream is opened again, and that is told before what comes then', async () => {
  const { told, seen } = await pump((response, connection) => {
    response.write(busy(connection === 1 ? 'first' : 'last'));
    if (connection === 1) setImmediate(() => response.destroy());
  });
  await seen;
  expect(told).toEqual(['first', 'reconnected', 'last']);
});

test('a server that always breaks off is given up', async () => {
  const { lost } = await pump((response) => {
    response.write(': hello\n\n', () => response.destroy());
  });
  expect((await lost).message).toMatch(/event stream/);
});

test('an event that is not what it says ends it at once', async () => {
  const { lost, told } = await pump((response) => {
    response.write('data: {"type":"message.updated","properties":{"info":5}}\n\n');
    response.write(busy('last'));
  });
  expect((await lost).name).toBe('ZodError');
  expect(told).toEqual([]);
});

test('an endless event ends it at once', async () => {
  const { lost } = await pump((response) => {
    response.write(`data: "${'x'.repeat(5 * 1024 * 1024)}`);
  });
  expect(await lost).toBeInstanceOf(GuardError);
});
