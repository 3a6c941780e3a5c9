import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { listenHttp } from './server.ts';

it.each([
  ['expect: cake', 'POST / HTTP/1.1\r\nhost: x\r\nexpect: cake\r\ncontent-length: 2\r\n\r\n{}'],
  ['no HTTP', 'hello\r\n\r\n'],
  ['too large a head', `GET / HTTP/1.1\r\nhost: x\r\nx-big: ${'x'.repeat(40_000)}\r\n\r\n`],
])('what is no request is answered by a problem: %s', async (_, bytes) => {
  const app = { fetch: () => new Response('served'), closeStreams: () => {} };
  const server = await listenHttp(app, { host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close(0));
  const socket = connect(server.port, '127.0.0.1').on('error', () => {});
  socket.write(bytes);
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
  expect(answer).toContain('content-type: application/problem+json');
  const body = answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1);
  expect(JSON.parse(body)).toMatchObject({ status: 400, error: 'invalid_request' });
});
