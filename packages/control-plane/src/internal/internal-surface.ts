import type { HttpServer } from '@karta/http';
import {
  type BoundInternalRoute,
  createServiceVerifier,
  type InternalHandler,
  internalRouter,
  type KnownPeers,
  listenInternalSurface,
} from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import type { ControlPlaneConfig } from '../config.ts';

export interface InternalParts {
  config: Pick<ControlPlaneConfig, 'internal'>;
  /** Whose requests are believed. */
  peers: KnownPeers;
  /** Of every room. */
  routes: readonly BoundInternalRoute[];
  log: Logger;
  ready(): boolean;
}

/** Serves `/v1/internal/*` to the data planes and their doors, and health to whoever may connect. */
export function listenInternal(parts: InternalParts): Promise<HttpServer> {
  const { config, peers, routes, log, ready } = parts;
  const verifier = createServiceVerifier({ audience: 'control', peers });
  const router = internalRouter({ routes, verifier, log });
  return listenInternalSurface(config.internal, [healthHandler(ready), router], log);
}

function healthHandler(ready: () => boolean): InternalHandler {
  return async (request, response) => {
    const path = request.method === 'GET' ? request.url?.split('?')[0] : undefined;
    if (path !== '/healthz' && path !== '/readyz') return false;
    const well = path === '/healthz' || ready();
    response.writeHead(well ? 200 : 503, { 'content-type': 'text/plain' });
    response.end(well ? 'ok\n' : 'not ready\n');
    return true;
  };
}
