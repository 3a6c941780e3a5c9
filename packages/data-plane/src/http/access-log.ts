import { clientAddress, onceClosed, trustedProxies } from '@karta/http';
import type { MiddlewareHandler } from 'hono';
import type { HttpDeps, HttpEnv } from './deps.ts';

/** Stands in place of the status of an answer that could reach nobody: the client had gone. */
const CLIENT_GONE = 499;

/**
 * Logs each request when its connection is done with it, and counts it. The line holds the route's
 * pattern and ids, never a body, a credential, a query value or a path as it was sent.
 */
export function accessLog(deps: HttpDeps): MiddlewareHandler<HttpEnv> {
  const trusted = deps.trustedProxies ?? trustedProxies(undefined);
  return async (c, next) => {
    const startedAt = performance.now();
    await next();
    const answeredMs = performance.now() - startedAt;
    const route = c.get('route') ?? 'unmatched';
    const { method } = c.req;
    const status = c.env.outgoing.destroyed ? CLIENT_GONE : c.res.status;
    deps.metrics.answered(method, route, status, answeredMs);
    const line = {
      request_id: c.get('requestId'),
      method,
      route,
      status,
      answered_ms: Math.round(answeredMs * 10) / 10,
      org_id: c.get('principal')?.orgId,
      principal_id: c.get('principal')?.id,
      // The audit log of the org names it: so it is known who read which session.
      staff_token_id: c.get('principal')?.staff?.tokenId,
      client: clientAddress(
        c.env.incoming.socket?.remoteAddress,
        c.req.header('x-forwarded-for'),
        trusted,
      ),
    };
    logWhenClosed(deps.log, c.env.outgoing, startedAt, line);
  };
}

/** Apart, so that a stream that is open for hours keeps this line alive and not its whole request. */
function logWhenClosed(
  log: HttpDeps['log'],
  outgoing: HttpEnv['Bindings']['outgoing'],
  startedAt: number,
  line: object,
): void {
  onceClosed(outgoing, () => {
    const totalMs = Math.round((performance.now() - startedAt) * 10) / 10;
    log.info({ ...line, total_ms: totalMs, complete: outgoing.writableFinished });
  });
}
