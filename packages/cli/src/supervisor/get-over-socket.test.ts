import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { getOverSocket } from './get-over-socket.ts';

let folder: string;
let socket: string;
let server: Server;
let answer: RequestListener;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-get-'));
  socket = join(folder, 's');
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

test('shows the token and takes the JSON of a 200', async () => {
  answer = ({ url, headers }, response) =>
    response.end(JSON.stringify({ url, authorization: headers.authorization }));
  expect(await getOverSocket(socket, '/upstreams', 'tok')).toEqual({
    url: '/upstreams',
    authorization: 'Bearer tok',
  });
});

test('rejects any other answer, naming what was asked', async () => {
  const refusals: [RequestListener, string][] = [
    [(_, response) => response.writeHead(403).end('{}'), '/x answered 403'],
    [(_, response) => response.end('no json'), '/x answered no JSON'],
    [(_, response) => response.end('"'.padEnd(2 * 1024 * 1024)), '/x answered too much'],
  ];
  for (const [listener, message] of refusals) {
    answer = listener;
    await expect(getOverSocket(socket, '/x', 'tok')).rejects.toThrow(message);
  }
  await expect(getOverSocket(join(folder, 'none'), '/x', 'tok')).rejects.toThrow('ENOENT');
});
