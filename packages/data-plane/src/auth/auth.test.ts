import { describe, expect, it } from 'vitest';
import type { Principal, Project, TokenRights } from '../control/port.ts';
import { authenticate } from './principal.ts';
import { projectForRoute, requireFlatFamily } from './route-family.ts';
import { requireApiKey, requireScope } from './scopes.ts';

const RIGHTS: TokenRights = {
  scopes: ['chat'],
  sessionId: null,
  metadata: {},
  origins: null,
  mintedBy: 'key_1',
  issuedAt: 0,
  expiresAt: 1e10,
};
const KEY: Principal = {
  kind: 'api_key',
  id: 'key_1',
  orgId: 'org_1',
  scopes: ['write'],
  projectId: null,
  sub: null,
  mode: 'live',
  token: null,
};
const TOKEN: Principal = {
  ...KEY,
  kind: 'session_token',
  id: 'jti_1',
  projectId: 'proj_1',
  token: RIGHTS,
};
const code = (expected: string) => expect.objectContaining({ code: expected });

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
