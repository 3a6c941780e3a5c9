import { createHash, randomBytes } from 'node:crypto';
import { UNPRICED, validatedCredential } from '@karta/protocol';
import {
  type BoundInternalRoute,
  newPlaneKey,
  type PlaneClient,
  planeClient,
} from '@karta/service/plane-auth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeysGround, startKeys, type TestOrg } from '../keys/testing/keys-ground.ts';
import { createOrgGrants } from './org-grant.ts';

/**
 * Somebody has the key that a data plane signs with, or that of its doors, and reaches the internal
 * surface. The thief has an org, and so a grant, of their own.
 */
let ground: KeysGround;
let victim: TestOrg;
let thief: TestOrg;
/** Ids of things of the victim, by the parameter's name: all that a thief might have learned. */
const known: Record<string, string> = {};
const SECRET = 'a secret of the victim';
const BUILD_GRANT = randomBytes(16).toString('hex');

beforeAll(async () => {
  ground = await startKeys();
  victim = await ground.org();
  thief = await ground.org();
  known.project_id = await ground.project(victim, 'shop');
  known.release_id = 'rel_000000000000000000000001';
  known.build_id = 'bld_000000000000000000000001';
  await ground.call('POST', '/v1/provider_keys', {
    key: victim.apiKey,
    body: { provider: 'anthropic', secret: { api_key: `sk-${SECRET.replaceAll(' ', '-')}` } },
  });
  await ground.call('PUT', '/v1/projects/shop/env/TOKEN', {
    key: victim.apiKey,
    body: { value: SECRET, secret: true },
  });
  const { id: orgId } = victim;
  const digest = createHash('sha256').update('an image').digest('hex');
  await ground.database.asOwner(`
    insert into releases (id, org_id, project_id, number, identity, content_digest, digest,
      image_blob, image_bytes, source_digest, harness_id, harness_version, config, declared_env,
      agents, skills, warnings, files, by_kind, by_id, by_label, created_at, revision)
    values ('${known.release_id}', '${orgId}', '${known.project_id}', 1, 'i', 'c', 'd',
      '${digest}', 8, 's', 'opencode', '1', '{}', '[]', '[]', '[]', '[]', '[]', 'api_key', 'k', 'k',
      now(), 1)`);
  await ground.database.asOwner(`
    insert into builds (id, org_id, project_id, kind, status, source_digest, source_bytes, activate,
      preview, by_kind, by_id, by_label, grant_digest, created_at)
    values ('${known.build_id}', '${orgId}', '${known.project_id}', 'upload', 'running',
      '${digest}', 8, true, false, 'api_key', 'k', 'k',
      '${createHash('sha256').update(BUILD_GRANT).digest('hex')}', now())`);
});
afterAll(() => ground.close());

const validate = (credential: string, client = ground.node) =>
  client.call(
    { method: 'POST', path: '/v1/internal/credentials/validate', json: { credential } },
    validatedCredential,
  );

/** Bodies that a route takes, about things of the victim. */
function bodiesOf(route: BoundInternalRoute): unknown[] {
  const name = route.path.slice('/v1/internal/'.length);
  const event = {
    id: 'call_000000000000000000000001',
    org_id: victim.id,
    project_id: known.project_id,
    session_id: 'sess_000000000000000000000001',
    turn_id: null,
    principal_id: null,
    end_user: null,
    api_key_id: null,
    embed_key_id: null,
    provider: 'demo',
    model: 'demo',
    input_tokens: 1,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 1,
    estimated: false,
    paid_by: 'platform',
    spend: UNPRICED,
    mode: 'live',
    at: new Date().toISOString(),
  };
  const batch = { node_id: 'node_x', grants: {}, usage: [event], lifecycle: [] };
  const bodies: Record<string, unknown[]> = {
    'credentials/validate': [
      { credential: victim.keyId },
      { credential: `kt_live_${'a'.repeat(32)}` },
      { credential: 'eyJhbGciOiJub25lIn0.e30.' },
    ],
    events: [
      batch,
      { ...batch, grants: { [victim.id]: thiefGrant } },
      { ...batch, grants: { [victim.id]: 'og1.1.x', [thief.id]: thiefGrant } },
    ],
    'doors/org': [{ org_id: victim.id }],
    'doors/provider-keys': [{ org_id: victim.id, provider: 'anthropic' }],
    'doors/leases': [
      {
        epoch: 1,
        subject: {
          org_id: victim.id,
          project_id: known.project_id,
          session_id: 'sess_000000000000000000000001',
          api_key_id: victim.keyId,
          embed_key_id: null,
          end_user: null,
        },
        minimum: { input_tokens: '0', output_tokens: '0', cost: '0' },
        wanted: { input_tokens: '1', output_tokens: '1', cost: '1' },
      },
    ],
    'doors/leases/report': [
      { epoch: 1, leases: [{ lease_id: 'lse_1', taken: '0', closed: true }], earlier_told: true },
    ],
    'doors/register': [{}],
  };
  return bodies[name] ?? [undefined];
}

let thiefGrant = '';

function pathOf(route: BoundInternalRoute): string {
  return route.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const id = known[name];
    // A new parameter: give the victim such a thing above, so that the thief can ask for it.
    if (id === undefined) throw new Error(`what is a {${name}} of the victim?`);
    return id;
  });
}

/** What these answer is the same for every node, and public. */
const OF_NO_ORG = new Set(['/v1/internal/doors/prices', '/v1/internal/doors/register']);
/** Names leases alone, and those of the node that asks: what it does not have is unknown to it. */
const OF_ITS_LEASES = '/v1/internal/doors/leases/report';

const THIEVES = [
  ['a data plane', (): PlaneClient => ground.node],
  ['the doors', (): PlaneClient => ground.doors],
] as const;

describe('whoever holds the key of a data plane or of its doors', () => {
  it.each(THIEVES)(
    'gets by that of %s nothing of an org without its grant',
    async (_of, stolen) => {
      thiefGrant = (await validate(thief.apiKey))?.org_grant ?? '';
      expect(thiefGrant).not.toBe('');
      const forged = createOrgGrants(randomBytes(32)).issue('node_x', victim.id);
      const { internalRoutes } = ground.rooms;
      expect(internalRoutes.length).toBeGreaterThanOrEqual(6);
      for (const route of internalRoutes) {
        for (const grant of [undefined, thiefGrant, forged, BUILD_GRANT.slice(1)]) {
          for (const json of bodiesOf(route)) {
            const answer = await stolen().fetch({
              method: route.method,
              path: pathOf(route),
              ...(json === undefined ? {} : { json }),
              ...(grant === undefined ? {} : { grant }),
            });
            const text = await answer.text();
            const what = `${route.method} ${route.path} ${grant} ${answer.status} ${text}`;
            expect(text.replaceAll('-', ' '), what).not.toContain(SECRET);
            expect(text, what).not.toContain('og1.');
            if (answer.status === 404 || OF_NO_ORG.has(route.path)) continue;
            if (route.path === OF_ITS_LEASES) {
              expect(answer.status, what).toBe(409);
              continue;
            }
            // The one route that answers for each item: all of them refused.
            expect(answer.status, what).toBe(200);
            expect(JSON.parse(text), what).toMatchObject({ accepted: [] });
            expect(JSON.parse(text).refused, what).toHaveLength(1);
          }
        }
      }
      const { rows } = {
        rows: await ground.database.database.selectFrom('usage_events').selectAll().execute(),
      };
      expect(rows).toEqual([]);
    },
  );

  it('gets by neither key what is for the other, with any grant', async () => {
    const grant = (await validate(victim.apiKey))?.org_grant ?? '';
    for (const route of ground.rooms.internalRoutes) {
      const thief = (route.peer ?? 'plane') === 'plane' ? ground.doors : ground.node;
      for (const json of bodiesOf(route)) {
        const answer = await thief.fetch({
          method: route.method,
          path: pathOf(route),
          grant,
          ...(json === undefined ? {} : { json }),
        });
        expect({ path: route.path, status: answer.status }).toEqual({
          path: route.path,
          status: 404,
        });
      }
    }
  });

  it('gets what is behind a grant that was issued: these probes do work', async () => {
    const grant = (await validate(victim.apiKey))?.org_grant ?? '';
    const answer = await ground.node.fetch({
      method: 'POST',
      path: `/v1/internal/projects/${known.project_id}/secrets`,
      grant,
    });
    expect(await answer.json()).toEqual({ values: { TOKEN: SECRET } });
    const key = await ground.doors.fetch({
      method: 'POST',
      path: '/v1/internal/doors/provider-keys',
      json: { org_id: victim.id, provider: 'anthropic' },
      grant,
    });
    expect((await key.text()).replaceAll('-', ' ')).toContain(SECRET);
  });

  it('cannot use the grant of another node', async () => {
    const grant = (await validate(victim.apiKey))?.org_grant ?? '';
    const stranger = planeClient({
      baseUrl: ground.internal.url,
      key: newPlaneKey(),
      audience: 'control',
    });
    await expect(validate(victim.apiKey, stranger)).rejects.toMatchObject({
      code: 'control_unavailable',
    });
    expect(ground.rooms.grants.allows(grant, 'node_other', victim.id)).toBe(false);
  });

  it('finds no route that mints anything, and nothing of it on the public surface', async () => {
    for (const { path, peer } of ground.rooms.internalRoutes) {
      // Keys of providers are read, by the doors alone.
      if (peer === 'doors') expect(path).toMatch(/^\/v1\/internal\/doors\//);
      else expect(path).not.toMatch(/token|keys|mint/);
    }
    const document = await (await ground.call('GET', '/openapi.json')).text();
    expect(document).not.toContain('/internal');
    for (const { method, path } of ground.rooms.internalRoutes) {
      const answer = await ground.call(method, path.replace(/[{}]/g, ''), { key: victim.apiKey });
      expect(answer.status).toBe(404);
    }
  });
});

describe('a grant', () => {
  it('is for one node and org, for ten minutes', () => {
    let now = 1_700_000_000_000;
    const grants = createOrgGrants(randomBytes(32), () => now);
    const grant = grants.issue('node_a', 'org_a');
    expect(grants.allows(grant, 'node_a', 'org_a')).toBe(true);
    expect(grants.allows(grant, 'node_b', 'org_a')).toBe(false);
    expect(grants.allows(grant, 'node_a', 'org_b')).toBe(false);
    expect(grants.allows(null, 'node_a', 'org_a')).toBe(false);
    expect(grants.allows(`${grant}A`, 'node_a', 'org_a')).toBe(false);
    now += 10 * 60 * 1000;
    expect(grants.allows(grant, 'node_a', 'org_a')).toBe(false);
    // It still proves what was measured while it held.
    expect(grants.window(grant, 'node_a', 'org_a')).toEqual({
      issuedAt: 1_700_000_000,
      expiresAt: 1_700_000_600,
    });
  });
});
