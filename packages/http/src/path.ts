/**
 * `{name}` of a path of `/openapi.json` as Hono writes it; `{path}` takes slashes too, and line
 * breaks: names may have them.
 */
export function honoPath(path: string): string {
  return path
    .split('/')
    .map((segment) =>
      segment === '{path}' ? ':path{[^]+}' : segment.replace(/^\{(\w+)\}$/, ':$1'),
    )
    .join('/');
}
