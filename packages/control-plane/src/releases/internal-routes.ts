import { Readable } from 'node:stream';
import { KartaError, LIMITS, secretsAnswer } from '@karta/protocol';
import {
  type BoundInternalRoute,
  type InternalCall,
  internalRoute,
} from '@karta/service/plane-auth';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { GrantWindow, OrgGrants } from '../internal/org-grant.ts';
import type { EnvValues } from '../projects/env-values.ts';
import type { Database } from '../sql/database.ts';
import { grantDigest } from './claim-build.ts';
import type { BuildRow } from './tables.ts';

/** The largest image that a node may bring, in bytes: what a release may hold, and its manifest. */
const MAX_IMAGE_BYTES = 640 * 1024 * 1024;

/** How long a grant of an org is proof enough to pull its releases, in seconds: as a session lives. */
const PULL_SECONDS = LIMITS.sessionTtlMs / 1000;

export interface InternalReleaseParts {
  database: Database;
  blobs: BlobStore;
  grants: OrgGrants;
  env: Pick<EnvValues, 'secretsOf'>;
}

/** What nodes ask about builds and releases: each with the grant of that build or org. */
export function internalReleaseRoutes(parts: InternalReleaseParts): BoundInternalRoute[] {
  const { database, blobs, grants, env } = parts;

  /** The running build that the grant is for; an absent one looks the same. */
  async function grantedBuild(call: InternalCall<unknown>): Promise<BuildRow | undefined> {
    return database
      .selectFrom('builds')
      .selectAll()
      .where('id', '=', call.param('build_id'))
      .where('status', '=', 'running')
      .where('grant_digest', '=', grantDigest(call.grant ?? ''))
      .executeTakeFirst();
  }

  return [
    internalRoute({
      method: 'GET',
      path: '/v1/internal/builds/{build_id}/source',
      async handle(call) {
        const build = await grantedBuild(call);
        return build === undefined ? null : blobResponse(await blobs.open(build.source_digest));
      },
    }),
    internalRoute({
      method: 'PUT',
      path: '/v1/internal/builds/{build_id}/image',
      streamed: true,
      async handle(call) {
        const build = await grantedBuild(call);
        if (build === undefined) return null;
        const image = await blobs.put(call.stream, {
          maxBytes: MAX_IMAGE_BYTES,
          expected: call.streamDigest,
        });
        const { numUpdatedRows } = await database
          .updateTable('builds')
          .set({ image_blob: image.digest, image_bytes: image.bytes })
          .where('id', '=', build.id)
          .where('status', '=', 'running')
          .executeTakeFirst();
        return numUpdatedRows === 0n ? null : { digest: image.digest };
      },
    }),
    internalRoute({
      method: 'GET',
      path: '/v1/internal/releases/{release_id}/image',
      async handle(call) {
        const release = await database
          .selectFrom('releases')
          .select(['org_id', 'image_blob', 'expired_at'])
          .where('id', '=', call.param('release_id'))
          .executeTakeFirst();
        if (release === undefined) return null;
        if (!mayPull(grants.window(call.grant, call.nodeId, release.org_id))) return null;
        if (release.expired_at !== null) throw new KartaError('release_expired');
        return blobResponse(await blobs.open(release.image_blob));
      },
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/projects/{project_id}/secrets',
      async handle(call) {
        const project = await database
          .selectFrom('projects')
          .select(['id', 'org_id'])
          .where('id', '=', call.param('project_id'))
          .where('deleted_at', 'is', null)
          .executeTakeFirst();
        if (project === undefined) return null;
        if (!grants.allows(call.grant, call.nodeId, project.org_id)) return null;
        return secretsAnswer.parse({ values: await env.secretsOf(project.org_id, project.id) });
      },
    }),
  ];
}

/**
 * A node that has met a credential of the org may pull its releases for longer than it may do
 * anything else there: it starts sessions, and warms sandboxes, when nobody is calling.
 */
function mayPull(proof: GrantWindow | null): boolean {
  return proof !== null && Date.now() / 1000 < proof.issuedAt + PULL_SECONDS;
}

function blobResponse(blob: { bytes: number; body: Readable } | null): Response | null {
  if (blob === null) return null;
  return new Response(Readable.toWeb(blob.body) as ReadableStream<Uint8Array>, {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(blob.bytes),
    },
  });
}
