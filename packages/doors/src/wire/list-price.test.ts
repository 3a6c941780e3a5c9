import { describe, expect, it } from 'vitest';
import { prepareRequest } from './prepare-request.ts';

const ROUTES = ['messages', 'chat', 'responses'] as const;

/** Why it is refused; `null` when it is served. */
function refusal(route: (typeof ROUTES)[number], body: string): string | null {
  const result = prepareRequest(route, Buffer.from(body), true);
  return 'problem' in result ? result.problem : null;
}

describe('a request that would cost otherwise than its model is listed', () => {
  it.each([
    '"service_tier":"priority"',
    '"service_tier":"flex"',
    '"speed":"fast"',
    '"inference_geo":"us"',
    '"models":["openai/o1-pro"]',
    '"plugins":[{"id":"web"}]',
    '"service_tier":["priority"]',
    // Of two the provider may read either; names may be written in escapes.
    '"speed":"fast","speed":"standard"',
    '"spee\\u0064":"fast"',
  ])('is refused on every route: %s', (member) => {
    for (const route of ROUTES) {
      // These are parsed as JavaScript does: the last counts, and that is what is sent.
      if (route !== 'messages' && member.endsWith('"standard"')) continue;
      expect(refusal(route, `{"model":"m",${member}}`), route).toContain('list price');
    }
  });

  it.each([
    '"service_tier":"auto"',
    '"service_tier":"default"',
    '"service_tier":"standard_only"',
    '"service_tier":null',
    '"speed":"standard"',
    '"models":[]',
    '"metadata":{"speed":"fast"}',
  ])('is served where it does not: %s', (member) => {
    for (const route of ROUTES) expect(refusal(route, `{"model":"m",${member}}`)).toBeNull();
  });
});
