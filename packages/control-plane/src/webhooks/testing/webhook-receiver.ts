import { createServer, type IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen } from '@karta/http';

/** One request that an endpoint got. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An endpoint of a customer on loopback, answering as the test says. */
export interface WebhookReceiver {
  /** `http://<host>:<port>/hook` */
  url: string;
  port: number;
  received: Received[];
  /** What it answers from now on; by default 200. `'hang'`: nothing. */
  answer: (
    path: string,
  ) => { status: number; headers?: Record<string, string>; body?: string } | 'hang';
  close(): Promise<void>;
}

export async function startReceiver(host = '127.0.0.1'): Promise<WebhookReceiver> {
  const server = createServer(async (request, response) => {
    const { url: path = '', headers } = request;
    receiver.received.push({ path, headers, body: await text(request) });
    const answer = receiver.answer(path);
    if (answer === 'hang') return;
    response.writeHead(answer.status, answer.headers).end(answer.body ?? 'ok');
  });
  const port = await listen(server, { host, port: 0 });
  const receiver: WebhookReceiver = {
    url: `http://${host}:${port}/hook`,
    port,
    received: [],
    answer: () => ({ status: 200 }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}
