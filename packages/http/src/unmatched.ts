import { KartaError } from '@karta/protocol';
import type { Context } from 'hono';
import type { RequestEnv } from './env.ts';
import { problemResponse } from './problem.ts';

/** A path that is served, and by which methods. */
export interface ServedPath {
  pattern: RegExp;
  methods: string[];
}

/** Answers what no route took: `OPTIONS`, 405 with `Allow` for a known path, else 404. */
export function unmatched<Env extends RequestEnv>(served: readonly ServedPath[]) {
  return (c: Context<Env>): Response => {
    // As it was routed, which on a host with paths of its own is not as it was sent.
    const { path } = c.req;
    const methods = served.filter((one) => one.pattern.test(path)).flatMap((one) => one.methods);
    if (methods.length === 0) {
      return problemResponse(new KartaError('not_found', 'No such path.'), c.get('requestId'));
    }
    const allow = [...new Set([...methods, 'OPTIONS'])].sort().join(', ');
    if (c.req.method === 'OPTIONS') return new Response(null, { status: 204, headers: { allow } });
    const refusal = new KartaError('method_not_allowed', `This path takes ${allow}.`);
    return problemResponse(refusal, c.get('requestId'), { allow });
  };
}

/** The pattern of a route's path, such as `/v1/sessions/{session_id}`. */
export function patternOf(path: string): RegExp {
  const source = path
    .split('/')
    .map((segment) => {
      if (segment === '{path}') return '.+';
      return segment.startsWith('{') ? '[^/]+' : segment.replace(/[.]/g, '\\$&');
    })
    .join('/');
  return new RegExp(`^${source}$`);
}
