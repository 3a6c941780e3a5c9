import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { demoUpstream } from '../upstreams/demo.ts';
import { refuse } from '../wire/errors.ts';
import { familyOf, routeOf } from '../wire/routes.ts';

/** A provider for tests: the demo model on a TCP port of loopback, under `CHANNEL_PATHS`. */
export interface PlainServer {
  /** `http://127.0.0.1:<port>` */
  origin: string;
  /** Every request that came, oldest first. */
  requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
  /** Answers that have begun and not ended. */
  running(): number;
  close(): Promise<void>;
}

/**
 * Serves the demo model. With `key` it refuses other credentials as a provider does. With `before`
 * a test answers by itself what it wants to (and returns true).
 */
export async function servePlain(
  options: {
    key?: string;
    before?: (request: IncomingMessage, response: ServerResponse, body: string) => boolean;
  } = {},
): Promise<PlainServer> {
  const upstream = demoUpstream();
  const requests: PlainServer['requests'] = [];
  let running = 0;
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const body = await buffer(request);
    requests.push({ method, url, headers, body: body.toString() });
    if (options.before?.(request, response, body.toString())) return;
    const given = headers['x-api-key'] ?? headers.authorization?.replace(/^Bearer /, '');
    const route = routeOf(method, url);
    if (route === null || (options.key !== undefined && given !== options.key)) {
      const refusal = route === null ? 'not_found' : 'unauthenticated';
      const answer = refuse(familyOf(url), refusal, `Incorrect API key provided: ${given}`);
      response.writeHead(answer.status, answer.headers).end(answer.body);
      return;
    }
    const abort = new AbortController();
    running += 1;
    response.on('close', () => {
      running -= 1;
      abort.abort();
    });
    try {
      const call = { route, headers: {}, body, channelId: 'plain' };
      const reply = await upstream.send(call, null, abort.signal);
      response.writeHead(reply.status, reply.headers);
      await pipeline(reply.body, response);
    } catch {
      // The client is gone, or the script cuts the connection: both end the socket.
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    running: () => running,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
