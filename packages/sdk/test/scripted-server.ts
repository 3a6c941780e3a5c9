import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the server saw of one request. */
export interface Seen {
  method: string;
  url: URL;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface ScriptedServer extends AsyncDisposable {
  url: string;
  seen: Seen[];
}

/** A real HTTP server whose answers a test writes by hand. `reply` gets each request, numbered from 0. */
export async function scriptedServer(
  reply: (request: Seen, response: ServerResponse, index: number) => void | Promise<void>,
): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const entry: Seen = {
      method: request.method ?? '',
      url: new URL(request.url ?? '/', 'http://server'),
      headers: request.headers,
      body,
    };
    await reply(entry, response, seen.push(entry) - 1);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_test' })
    .end(JSON.stringify(body));
}

export function problem(
  response: ServerResponse,
  status: number,
  error: string,
  extra: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): void {
  response
    .writeHead(status, {
      'content-type': 'application/problem+json',
      'x-request-id': 'req_test',
      ...headers,
    })
    .end(
      JSON.stringify({
        type: `urn:karta:error:${error}`,
        title: error,
        status,
        detail: `detail of ${error}`,
        error,
        suggestion: 'Do this.',
        ...extra,
      }),
    );
}
