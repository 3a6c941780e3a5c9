import type { Socket } from 'node:net';
import { type AddressPolicy, guardedConnect, type NameResolver } from '@karta/service/network';
import { buildConnector } from 'undici';
import { UPSTREAM_CONNECT_MS } from '../limits.ts';

/** How a customer's address is resolved, and which ones are left out. */
export interface GuardedNetwork {
  policy: AddressPolicy;
  resolver: NameResolver;
}

/** Connects to the base URL that a customer has named: where it leads is looked at each time. */
export function guardedConnector(network: GuardedNetwork): buildConnector.connector {
  const secured = buildConnector({ timeout: UPSTREAM_CONNECT_MS, allowH2: false });
  return (options, callback) => {
    const secure = options.protocol === 'https:';
    const begin = (socket: Socket) => {
      if (!secure) return callback(null, socket);
      // By the socket that is there, not by the name.
      secured({ ...options, httpSocket: socket }, (...[error, tls]) => {
        if (error === null) return callback(null, tls);
        socket.destroy();
        callback(error, null);
      });
    };
    const { hostname, port } = options;
    guardedConnect({
      ...network,
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (secure ? 443 : 80) : Number(port),
      timeoutMs: UPSTREAM_CONNECT_MS,
    }).then(begin, (error: Error) => callback(error, null));
  };
}
