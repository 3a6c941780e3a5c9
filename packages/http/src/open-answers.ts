/**
 * What every plane answers without a credential, by path: the description of its surface and its
 * health. `document` is the text of `/openapi.json`.
 */
export function openAnswers(
  document: string,
  ready: () => boolean,
): Readonly<Record<string, () => Response>> {
  const plain = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  const ok = () => new Response('{"status":"ok"}', { headers: plain });
  return {
    '/openapi.json': () =>
      new Response(document, { headers: { ...plain, 'access-control-allow-origin': '*' } }),
    '/healthz': ok,
    '/readyz': () =>
      ready() ? ok() : new Response('{"status":"not_ready"}', { status: 503, headers: plain }),
  };
}
