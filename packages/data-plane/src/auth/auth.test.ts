import { describe, expect, it } from 'vitest';
import type { Principal, Project } from '../control/port.ts';
import { clientAddress, trustedProxies } from './client-address.ts';
import { credentialOf } from './credential.ts';
import { authenticate } from './principal.ts';
import { projectForRoute, requireFlatFamily } from './route-family.ts';
import { requireApiKey, requireScope } from './scopes.ts';

const KEY: Principal = {
  kind: 'api_key',
  id: 'key_1',
  orgId: 'org_1',
  scopes: ['write'],
  projectId: null,
  sub: null,
};
const TOKEN: Principal = { ...KEY, kind: 'session_token', id: 'jti_1', projectId: 'proj_1' };
const code = (expected: string) => expect.objectContaining({ code: expected });

describe('credentialOf', () => {
  const of = (headers: Record<string, string>) => credentialOf(new Headers(headers));

  it('reads either header, and both when they agree', () => {
    expect(of({ authorization: 'Bearer k' })).toBe('k');
    expect(of({ authorization: 'bearer  k ' })).toBe('k');
    expect(of({ 'x-api-key': 'k' })).toBe('k');
    expect(of({ authorization: 'Bearer k', 'x-api-key': 'k' })).toBe('k');
  });

  it('finds none in what is neither', () => {
    for (const authorization of ['', 'k', 'Bearer', 'Bearer a b', 'Basic a2V5']) {
      expect(of({ authorization }), authorization).toBeNull();
    }
    expect(of({ 'x-api-key': ' ' })).toBeNull();
    expect(of({ 'x-api-key': 'k'.repeat(9000) })).toBeNull();
  });

  it('refuses two that differ', () => {
    expect(() => of({ authorization: 'Bearer a', 'x-api-key': 'b' })).toThrow(
      code('conflicting_credentials'),
    );
  });
});

describe('authenticate', () => {
  const control = { authenticate: async (key: string) => (key === 'good' ? KEY : null) };

  it('answers a wrong credential as none', async () => {
    const good = new Headers({ 'x-api-key': 'good' });
    expect(await authenticate(control, good)).toBe(KEY);
    for (const headers of [new Headers(), new Headers({ 'x-api-key': 'bad' })]) {
      await expect(authenticate(control, headers)).rejects.toThrow(code('unauthenticated'));
    }
  });
});

describe('scopes', () => {
  it('a higher scope includes the lower ones', () => {
    requireScope(KEY, 'read');
    requireScope(KEY, 'write');
    expect(() => requireScope(KEY, 'admin')).toThrow(/"admin"/);
    expect(() => requireScope({ ...KEY, scopes: [] }, 'read')).toThrow(code('forbidden'));
    expect(() => requireScope({ ...KEY, scopes: ['read'] }, 'write')).toThrow(code('forbidden'));
  });

  it('some things are for API keys', () => {
    requireApiKey(KEY, 'raw');
    expect(() => requireApiKey(TOKEN, 'raw')).toThrow(code('forbidden'));
  });
});

describe('route families', () => {
  const project = (id: string): Project => ({
    id,
    orgId: 'org_1',
    ref: 'shop',
    activeReleaseId: null,
    allowedOrigins: [],
  });
  const control = (found: Project | null) => ({ project: async () => found });

  it('a session token has no flat routes', () => {
    requireFlatFamily(KEY);
    expect(() => requireFlatFamily(TOKEN)).toThrow(code('wrong_route_family'));
  });

  it('an absent ref is 404, another project than the token is for 403', async () => {
    const mine = control(project('proj_1'));
    const other = control(project('proj_2'));
    expect((await projectForRoute(mine, TOKEN, 'shop')).id).toBe('proj_1');
    expect((await projectForRoute(other, KEY, 'shop')).id).toBe('proj_2');
    await expect(projectForRoute(other, TOKEN, 'shop')).rejects.toThrow(code('wrong_project'));
    await expect(projectForRoute(control(null), TOKEN, 'x')).rejects.toThrow(code('not_found'));
  });
});

describe('clientAddress', () => {
  it("is the socket's, whatever a client claims", () => {
    const none = trustedProxies(undefined);
    expect(clientAddress('::ffff:10.0.0.1', '1.2.3.4', none)).toBe('10.0.0.1');
    expect(clientAddress('::1', null, none)).toBe('::1');
    expect(clientAddress(undefined, '1.2.3.4', none)).toBeNull();
  });

  it('comes from the last untrusted hop behind trusted proxies', () => {
    const trusted = trustedProxies('10.0.0.0/8, ::1');
    expect(clientAddress('10.0.0.1', '6.6.6.6, 1.2.3.4, 10.9.9.9', trusted)).toBe('1.2.3.4');
    expect(clientAddress('::1', '1.2.3.4', trusted)).toBe('1.2.3.4');
    expect(clientAddress('10.0.0.1', 'nonsense', trusted)).toBe('10.0.0.1');
    expect(clientAddress('10.0.0.1', null, trusted)).toBe('10.0.0.1');
    expect(clientAddress('11.0.0.1', '1.2.3.4', trusted)).toBe('11.0.0.1');
  });

  it('refuses a setting that is no list of ranges', () => {
    for (const bad of ['proxy', '10.0.0.0/33', '10.0.0.0/x', '1.2.3']) {
      expect(() => trustedProxies(bad), bad).toThrow(bad);
    }
  });
});
