import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type AddressPolicy, guardedConnect, type NameResolver } from '@karta/service/network';
import { UPSTREAM_CONNECT_MS } from '../limits.ts';

/** How a customer's address is resolved, and which ones are left out. */
export interface GuardedNetwork {
  policy: AddressPolicy;
  resolver: NameResolver;
}

type Connected = (error: Error | null, socket: Duplex) => void;

/** Makes the agent of a base URL that a customer has named: each connection is looked at anew. */
export function guardedAgents(network: GuardedNetwork) {
  return (secure: boolean): http.Agent => {
    const agent = secure
      ? new https.Agent({ keepAlive: true })
      : new http.Agent({ keepAlive: true });
    agent.createConnection = (options, callback) => {
      const connected = callback as Connected;
      connectGuarded(network, options as ConnectionOptions, secure).then(
        (socket) => connected(null, socket),
        // The type wants a socket even where there is none; it is not looked at.
        (error: Error) => connected(error, undefined as never),
      );
      return undefined as never;
    };
    return agent;
  };
}

async function connectGuarded(
  { policy, resolver }: GuardedNetwork,
  options: ConnectionOptions,
  secure: boolean,
): Promise<Duplex> {
  const host = options.host ?? '';
  const socket = await guardedConnect({
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(options.port),
    policy,
    resolver,
    timeoutMs: UPSTREAM_CONNECT_MS,
  });
  if (!secure) return socket;
  return new Promise((resolve, reject) => {
    const tls = connectTls({ ...options, socket, host: undefined, path: undefined });
    const failed = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    tls.once('error', failed);
    tls.once('secureConnect', () => {
      tls.off('error', failed);
      resolve(tls);
    });
  });
}
