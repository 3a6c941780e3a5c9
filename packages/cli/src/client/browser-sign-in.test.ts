import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json as readJson } from 'node:stream/consumers';
import { listen } from '@karta/http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { signInByBrowser } from './browser-sign-in.ts';

/** What `/device/token` answers, one after the other. */
let answers: ((response: ServerResponse) => void)[];
let asked: { path: string; body: Record<string, unknown> }[];
/** Seconds. */
let life: number;
let url: string;
let close: () => Promise<void>;

const refuse = (reason: string) => (response: ServerResponse) =>
  response
    .writeHead(422, { 'content-type': 'application/problem+json' })
    .end(JSON.stringify({ detail: `It is ${reason}.`, suggestion: 'Do something.', reason }));
const grant = (response: ServerResponse) =>
  response
    .writeHead(200, { 'content-type': 'application/json', 'set-auth-token': 'signed.token' })
    .end(JSON.stringify({ access_token: 'bare' }));

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '';
  asked.push({ path, body: (await readJson(request)) as Record<string, unknown> });
  if (path === '/v1/auth/device/code') {
    const device = {
      device_code: 'secret-of-the-program',
      user_code: 'ABCD2345',
      verification_uri_complete: `${url}/device?user_code=ABCD2345`,
      expires_in: life,
      interval: 0.005,
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(device));
    return;
  }
  (answers.shift() ?? refuse('authorization_pending'))(response);
}

beforeEach(async () => {
  answers = [];
  asked = [];
  life = 600;
  const server = createServer((request, response) => void serve(request, response));
  url = `http://127.0.0.1:${await listen(server, { host: '127.0.0.1', port: 0 })}`;
  close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
});
afterEach(() => close());

test('tells where to go and what to compare, asks until it is let in', async () => {
  answers = [refuse('authorization_pending'), refuse('authorization_pending'), grant];
  const told: unknown[] = [];
  const token = await signInByBrowser(url, (question) => told.push(question));
  // The bare token is taken nowhere.
  expect(token).toBe('signed.token');
  expect(told).toEqual([{ url: `${url}/device?user_code=ABCD2345`, code: 'ABCD2345' }]);
  expect(asked.map(({ path }) => path.slice('/v1/auth'.length))).toEqual([
    '/device/code',
    ...Array(3).fill('/device/token'),
  ]);
  expect(asked.at(-1)?.body).toMatchObject({
    client_id: 'karta-cli',
    device_code: 'secret-of-the-program',
  });
});

test('says who refused it: the person, the server, the time', async () => {
  answers = [refuse('access_denied')];
  await expect(signInByBrowser(url, () => {})).rejects.toMatchObject({
    exit: 'refused',
    message: 'The sign-in was refused in the browser',
  });
  answers = [refuse('invalid_grant')];
  await expect(signInByBrowser(url, () => {})).rejects.toMatchObject({
    message: 'It is invalid_grant',
    next: 'Do something.',
  });
  life = 0.05;
  await expect(signInByBrowser(url, () => {})).rejects.toMatchObject({
    message: 'Nobody answered in the browser',
  });
});

test('says that nobody answers', async () => {
  await expect(signInByBrowser('http://127.0.0.1:9', () => {})).rejects.toMatchObject({
    exit: 'unreachable',
  });
});
