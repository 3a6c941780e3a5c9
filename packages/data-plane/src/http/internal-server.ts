import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { close, type HttpServer, listen } from '@karta/http';
import type { HttpMetrics } from './metrics.ts';

/** Metrics and health are for the operator's own machine: never for the public port. */
const LOOPBACK = '127.0.0.1';

/** Serves `/metrics`, `/healthz` and `/readyz` on loopback; port 0 takes any. */
export async function listenInternal(
  deps: { metrics: HttpMetrics; ready(): boolean },
  port: number,
): Promise<HttpServer> {
  const server = createServer((request, response) => void answer(deps, request, response));
  const taken = await listen(server, { host: LOOPBACK, port });
  return {
    url: `http://${LOOPBACK}:${taken}`,
    port: taken,
    close: (graceMs) => close(server, graceMs, () => {}),
  };
}

async function answer(
  deps: { metrics: HttpMetrics; ready(): boolean },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  switch (request.url?.split('?')[0]) {
    case '/metrics': {
      const { contentType, text } = await deps.metrics.page();
      response.writeHead(200, { 'content-type': contentType }).end(text);
      return;
    }
    case '/healthz':
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
      return;
    case '/readyz':
      response
        .writeHead(deps.ready() ? 200 : 503, { 'content-type': 'text/plain' })
        .end(deps.ready() ? 'ok\n' : 'not ready\n');
      return;
    default:
      response.writeHead(404).end();
  }
}
