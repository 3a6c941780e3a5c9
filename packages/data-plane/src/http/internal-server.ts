import type { HttpServer } from '@karta/http';
import {
  type InternalHandler,
  type InternalSurface,
  listenInternalSurface,
} from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import type { HttpMetrics } from './metrics.ts';

/**
 * Serves `/metrics`, `/healthz` and `/readyz`, and what `handlers` serve, to the addresses that the
 * surface lets in.
 */
export function listenInternal(
  deps: { metrics: HttpMetrics; ready(): boolean; log: Logger },
  surface: InternalSurface,
  handlers: readonly InternalHandler[],
): Promise<HttpServer> {
  return listenInternalSurface(surface, [operatorHandler(deps), ...handlers], deps.log);
}

function operatorHandler(deps: { metrics: HttpMetrics; ready(): boolean }): InternalHandler {
  return async (request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    if (!['/metrics', '/healthz', '/readyz'].includes(path)) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return true;
    }
    if (path === '/metrics') {
      const { contentType, text } = await deps.metrics.page();
      response.writeHead(200, { 'content-type': contentType }).end(text);
      return true;
    }
    const well = path === '/healthz' || deps.ready();
    response.writeHead(well ? 200 : 503, { 'content-type': 'text/plain' });
    response.end(well ? 'ok\n' : 'not ready\n');
    return true;
  };
}
