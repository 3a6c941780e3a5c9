import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { type RelayOptions, relay } from '../relay.ts';

/** A server whose every request is answered with the next of some bodies. */
export interface RelayServer {
  port: number;
  /** How each answer ended, in order. */
  endings: Promise<string>[];
  close(): Promise<void>;
}

/** Relays `bodies`, an event stream each unless another `type` is said. */
export async function serveRelay(
  bodies: Readable[],
  { type = 'text/event-stream', ...options }: Partial<RelayOptions> & { type?: string } = {},
): Promise<RelayServer> {
  const endings: Promise<string>[] = [];
  const server = createServer((_request, response) => {
    const reply = {
      ...{ status: 200, headers: { 'content-type': type } },
      body: bodies.shift() ?? Readable.from([]),
    };
    endings.push(relay(reply, response, { hideUsage: false, onChunk: () => {}, ...options }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    endings,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
