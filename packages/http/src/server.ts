import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { KartaError, problemOf } from '@karta/protocol';
import { asKartaError, problemResponse } from './problem.ts';
import { requestIdOf } from './request-id.ts';

/** Longer than the idle time of common load balancers, so that they close first. */
const KEEP_ALIVE_MS = 75_000;

/** How soon a connection is closed that has become idle while its server closes, in ms. */
const IDLE_CHECK_MS = 20;

/** What a public surface is to its server. */
export interface ServedApp {
  fetch(request: Request, bindings: HttpBindings): Response | Promise<Response>;
  /** Ends what would never end by itself. */
  closeStreams(): void;
}

export interface HttpServer {
  /** `http://host:port`, with the port that was really taken. */
  url: string;
  port: number;
  /**
   * Takes no new connections, ends the event streams and waits for the requests in flight, at most
   * `graceMs` milliseconds; then cuts what is left.
   */
  close(graceMs: number): Promise<void>;
}

/** Serves the public surface. Rejects with an `Error` that says what to do when the port is taken. */
export async function listenHttp(
  app: ServedApp,
  address: { host: string; port: number },
): Promise<HttpServer> {
  const listener = getRequestListener(
    // A server of HTTP/1 has no other bindings.
    (request, bindings) => app.fetch(request, bindings as HttpBindings),
    { overrideGlobalObjects: true, errorHandler: refuse },
  );
  // A request without a Host is refused by `refuse`, as a problem document.
  const options = { keepAliveTimeout: KEEP_ALIVE_MS, requireHostHeader: false };
  const server = createServer(options, listener);
  server.on('clientError', refuseBytes);
  server.on('checkExpectation', refuseExpectation);
  const port = await listen(server, address);
  return {
    url: `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`,
    port,
    close: (graceMs) => close(server, graceMs, () => app.closeStreams()),
  };
}

/** What never became a request: a bad `Host` or none, or a bad request target. */
function refuse(error: unknown): Response {
  const malformed = error instanceof Error && error.name === 'RequestError';
  const shown = malformed
    ? new KartaError('invalid_request', 'The request line or Host header is malformed.')
    : asKartaError(error);
  const id = requestIdOf(undefined);
  return problemResponse(shown, id, { 'x-request-id': id });
}

/** What Node's parser could not read: answered on the bare socket, which is then closed. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const detail = tooLarge ? 'The headers are too large.' : 'This is not a request of HTTP/1.1.';
  const id = requestIdOf(undefined);
  const body = JSON.stringify(problemOf(new KartaError('invalid_request', detail), id));
  const head = [
    'HTTP/1.1 400 Bad Request',
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Of what a request may expect only `100-continue` is known, which Node answers by itself. */
function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  const id = requestIdOf(undefined);
  const detail = 'The server does not do what the Expect header asks for.';
  const problem = JSON.stringify(problemOf(new KartaError('invalid_request', detail), id));
  const headers = { 'content-type': 'application/problem+json', 'x-request-id': id };
  response.writeHead(400, { ...headers, connection: 'close' }).end(problem);
  request.resume();
}

/** Resolves to the port taken. */
export async function listen(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen({ host, port }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new Error(`Port ${port} on ${host} is taken; stop the other server or use --port.`);
  }
  if (error.code === 'EACCES') {
    return new Error(`Port ${port} needs more rights; use one above 1023.`);
  }
  return error;
}

/** Closes a server: `drain` first ends what would never end by itself. */
export async function close(server: Server, graceMs: number, drain: () => void): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  drain();
  server.closeIdleConnections();
  // A connection whose last answer goes out from now on would be kept open for another request.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
