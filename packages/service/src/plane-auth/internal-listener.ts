import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIPv4 } from 'node:net';
import { addressList, clientAddress, close, type HttpServer, listen } from '@karta/http';
import type { Logger } from 'pino';
import { z } from 'zod';
import { notFound } from './internal-router.ts';

/** Where a plane listens for the other one, and who may speak to it there. */
export const internalSurface = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 takes any. */
  port: z.int().min(0).max(65_535),
  /** Names (without a port) that a request may be addressed to: `Host` must be one of them. */
  allowed_hosts: z
    .array(z.string().min(1))
    .min(1, 'must name the hosts by which the other plane calls this one (KARTA_INTERNAL_HOSTS)'),
  /** Addresses and ranges that may connect. */
  allowed_addresses: z
    .array(z.string().min(1))
    .min(1, 'must name the addresses that the other plane calls from (KARTA_INTERNAL_ADDRESSES)'),
});
export type InternalSurface = z.infer<typeof internalSurface>;

/** The surface of a plane whose other plane is on the same machine. */
export function loopbackSurface(port: number): InternalSurface {
  return {
    host: '127.0.0.1',
    port,
    allowed_hosts: ['127.0.0.1', 'localhost'],
    allowed_addresses: ['127.0.0.1', '::1'],
  };
}

/** Answers a request that may be here, or says `false` for a path that it does not serve. */
export type InternalHandler = (
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<boolean>;

/**
 * Listens for the other plane. A request from another address or for another host gets the 404 of a
 * path that does not exist. Rejects with an `Error` that says what to do when the port is taken.
 */
export async function listenInternalSurface(
  surface: InternalSurface,
  handlers: readonly InternalHandler[],
  log: Logger,
): Promise<HttpServer> {
  const addresses = addressList(surface.allowed_addresses, 'KARTA_INTERNAL_ADDRESSES');
  const nobody = addressList([], '');
  const hosts = new Set(surface.allowed_hosts.map((host) => host.toLowerCase()));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = clientAddress(request.socket.remoteAddress, null, nobody);
    const known = address !== null && addresses.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
    if (!known || !hosts.has(hostNameOf(request.headers.host))) {
      log.warn({ address, known }, 'a request to the internal surface from elsewhere refused');
      notFound(response);
      return;
    }
    for (const handler of handlers) {
      if (await handler(request, response)) return;
    }
    notFound(response);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      log.error({ err: error }, 'the internal surface failed');
      response.destroy();
    });
  });
  const port = await listen(server, { host: surface.host, port: surface.port });
  const shown = surface.host.includes(':') ? `[${surface.host}]` : surface.host;
  return {
    url: `http://${shown}:${port}`,
    port,
    close: (graceMs) => close(server, graceMs, () => {}),
  };
}

/** `Host` without its port. */
function hostNameOf(host: string | undefined): string {
  return (host ?? '')
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '');
}
