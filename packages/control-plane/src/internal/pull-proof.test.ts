import { createHash } from 'node:crypto';
import { loadPepper } from '@karta/service/home';
import { newPlaneKey, nodeIdOf } from '@karta/service/plane-auth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBlobFolder } from '../blobs/blob-store.ts';
import { type KeysGround, startKeys, type TestOrg } from '../keys/testing/keys-ground.ts';
import { createOrgGrants } from './org-grant.ts';

const DAY = 24 * 60 * 60 * 1000;
const IMAGE = 'an image';

let ground: KeysGround;
let owner: TestOrg;
let stranger: TestOrg;
let projectId: string;

beforeAll(async () => {
  ground = await startKeys();
  owner = await ground.org();
  stranger = await ground.org();
  projectId = await ground.project(owner, 'shop');
  const blobs = await openBlobFolder(`${ground.home}/blobs`);
  async function* image() {
    yield Buffer.from(IMAGE);
  }
  const { digest } = await blobs.put(image(), { maxBytes: 100 });
  expect(digest).toBe(createHash('sha256').update(IMAGE).digest('hex'));
  await ground.database.asOwner(`
    insert into releases (id, org_id, project_id, number, identity, content_digest, digest,
      image_blob, image_bytes, source_digest, harness_id, harness_version, config, declared_env,
      agents, skills, warnings, files, by_kind, by_id, by_label, created_at, revision)
    values ('rel_1', '${owner.id}', '${projectId}', 1, 'i', 'c', 'd',
      '${digest}', 8, 's', 'opencode', '1', '{}', '[]', '[]', '[]', '[]', '[]', 'api_key', 'k', 'k',
      now(), 1)`);
});
afterAll(() => ground?.close());

/** A grant that a node was given so long ago. */
async function grantOf(org: TestOrg, ageMs: number, kid = ground.nodeKey.kid): Promise<string> {
  const grants = createOrgGrants(await loadPepper(ground.home), () => Date.now() - ageMs);
  return grants.issue(nodeIdOf(kid), org.id);
}

async function pull(grant?: string): Promise<{ status: number; text: string }> {
  const answer = await ground.node.fetch({
    method: 'GET',
    path: '/v1/internal/releases/rel_1/image',
    ...(grant === undefined ? {} : { grant }),
  });
  return { status: answer.status, text: await answer.text() };
}

describe('a node that has met a credential of the org', () => {
  it('may pull its releases long after, as long as a session may live', async () => {
    expect(await pull(await grantOf(owner, 0))).toEqual({ status: 200, text: IMAGE });
    expect(await pull(await grantOf(owner, 29 * DAY))).toEqual({ status: 200, text: IMAGE });
    expect((await pull(await grantOf(owner, 31 * DAY))).status).toBe(404);
  });

  it('may do nothing else by an old grant', async () => {
    const ask = async (grant: string) => {
      const path = `/v1/internal/projects/${projectId}/secrets`;
      return (await ground.node.fetch({ method: 'POST', path, grant })).status;
    };
    expect(await ask(await grantOf(owner, 0))).toBe(200);
    expect(await ask(await grantOf(owner, DAY))).toBe(404);
  });
});

describe('a node that has not', () => {
  it('may not, by no grant, by one of another org, nor by that of another node', async () => {
    expect((await pull()).status).toBe(404);
    expect((await pull(await grantOf(stranger, 0))).status).toBe(404);
    expect((await pull(await grantOf(owner, 0, newPlaneKey().kid))).status).toBe(404);
  });
});
