import type { MiddlewareHandler } from 'hono';
import type { ControlPlane } from '../control/port.ts';
import type { HttpEnv } from './deps.ts';
import type { ProjectHosts } from './project-host.ts';

const ALLOW_HEADERS = 'authorization, x-api-key, content-type, idempotency-key, last-event-id';
const ALLOW_METHODS = 'GET, POST, PUT, PATCH, DELETE';
const EXPOSE_HEADERS = 'x-request-id, retry-after';
/** How long a browser may remember a preflight, in seconds. */
const PREFLIGHT_MAX_AGE_S = 600;

/**
 * Cross-origin rules of the project family: only a project's own `allowed_origins` are let in, by
 * exact match, and never with a browser's credentials. A token that was minted through an embed key
 * has that key's origins in their place, a staff token the control plane's. A preflight has no
 * credential, so it is answered for the ref alone; the call that follows is held against the very
 * project, or against who calls.
 */
export function cors(control: ControlPlane, hosts: ProjectHosts): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const origin = c.req.header('origin');
    const label = hosts(c.req.header('host'));
    const origins = () =>
      label === null ? control.originsOf(c.req.param('ref') ?? '') : control.originsOfHost(label);
    const staffOrigins = await control.staffOrigins();
    const allowed =
      origin !== undefined && (staffOrigins.includes(origin) || (await origins()).includes(origin));
    const preflight =
      c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined;
    if (preflight) {
      c.set('route', 'preflight');
      c.res = new Response(null, { status: 204, headers: { vary: 'Origin' } });
      if (allowed) {
        c.res.headers.set('access-control-allow-origin', origin);
        c.res.headers.set('access-control-allow-methods', ALLOW_METHODS);
        c.res.headers.set('access-control-allow-headers', ALLOW_HEADERS);
        c.res.headers.set('access-control-max-age', String(PREFLIGHT_MAX_AGE_S));
      }
      return;
    }
    await next();
    const { outgoing } = c.env;
    outgoing.setHeader('vary', 'Origin');
    const principal = c.get('principal');
    const own =
      principal?.kind === 'staff'
        ? staffOrigins
        : (principal?.token?.origins ?? c.get('project')?.allowedOrigins);
    if (allowed && (own === undefined || own.includes(origin))) {
      outgoing.setHeader('access-control-allow-origin', origin);
      outgoing.setHeader('access-control-expose-headers', EXPOSE_HEADERS);
    }
  };
}
