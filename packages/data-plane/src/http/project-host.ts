import { getPath } from 'hono/utils/url';

/** Tells the label of a project's own host, `{ref}-{org}`, from a `Host` header; `null` for others. */
export type ProjectHosts = (host: string | null | undefined) => string | null;

/** One label of a name, as DNS has it. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Where projects have hosts of their own: one label below `domain`. `null`: they have none. */
export function projectHosts(domain: string | null): ProjectHosts {
  if (domain === null) return () => null;
  const suffix = `.${domain.toLowerCase()}`;
  return (host) => {
    const name = (host ?? '')
      .toLowerCase()
      .replace(/:\d{1,5}$/, '')
      .replace(/\.$/, '');
    if (!name.endsWith(suffix)) return null;
    const label = name.slice(0, -suffix.length);
    return LABEL.test(label) ? label : null;
  };
}

/**
 * The path by which a request is routed: on a project's own host `/v1/…` stands for
 * `/v1/projects/{label}/…`, whatever follows, so that nothing but the project is there.
 */
export function routedPath(request: Request, hosts: ProjectHosts): string {
  const path = getPath(request);
  const label = path.startsWith('/v1/') ? hosts(request.headers.get('host')) : null;
  return label === null ? path : `/v1/projects/${label}${path.slice('/v1'.length)}`;
}
