import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type BuildBody, type BuildLine, buildBody, KartaError } from '@karta/protocol';
import {
  type BoundInternalRoute,
  internalRoute,
  type PlaneClient,
} from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import { z } from 'zod';
import { draftRelease } from '../releases/draft-release.ts';
import { appError } from '../releases/problem.ts';
import { startFault } from '../runner/machine/faults.ts';
import type { BuildOutcome } from './build-in-sandbox.ts';
import { sizeText } from './build-words.ts';
import type { Builder } from './builder.ts';
import { writeImageFile } from './image/image-file.ts';

/** How often a node says that it is still at a build, in milliseconds. */
const ALIVE_MS = 15_000;

export interface BuildRouteParts {
  home: string;
  builder: Builder;
  client: PlaneClient;
  log: Logger;
}

/**
 * Builds for the control plane: pulls the archive, has it built in a sandbox, keeps the tree as a
 * release of this node and brings its image to the control plane. The answer is a line of JSON for
 * each thing said, the result last; it ends early when this node is at fault.
 */
export function buildRoute(parts: BuildRouteParts): BoundInternalRoute {
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/builds',
    body: buildBody,
    async handle({ body, signal }) {
      const gone = new AbortController();
      const stop = AbortSignal.any([signal, gone.signal]);
      const encoder = new TextEncoder();
      const lines = new ReadableStream<Uint8Array>({
        async start(controller) {
          const say = (line: BuildLine | null) => {
            if (stop.aborted) return;
            controller.enqueue(encoder.encode(line === null ? '\n' : `${JSON.stringify(line)}\n`));
          };
          const alive = setInterval(() => say(null), ALIVE_MS);
          build(parts, body, say, stop)
            .then(
              (result) => {
                say(result);
                if (!stop.aborted) controller.close();
              },
              (error: unknown) => {
                if (stop.aborted) return;
                parts.log.error({ err: error, build: body.build_id }, 'a build failed');
                controller.error(error);
              },
            )
            .finally(() => clearInterval(alive));
        },
        cancel: () => gone.abort(),
      });
      return new Response(lines, { headers: { 'content-type': 'application/x-ndjson' } });
    },
  });
}

async function build(
  { home, builder, client, log: server }: BuildRouteParts,
  body: BuildBody,
  say: (line: BuildLine) => void,
  signal: AbortSignal,
): Promise<BuildLine> {
  const draft = await draftRelease(home);
  let archive: Readable | null = null;
  const log = (text: string) => say({ kind: 'log', at: Date.now(), text });
  try {
    archive = await archiveOf(client, body, signal);
    const outcome = await builder.build(
      {
        archive,
        owner: { orgId: body.org_id, projectId: body.project_id },
        env: body.env,
        fallbackName: body.fallback_name,
        ownProviders: body.own_providers,
        log,
        signal,
      },
      draft.path,
    );
    if (!outcome.ok) return { kind: 'failed', problems: [...outcome.problems] };
    const imageBytes = await bringImage(home, client, body, draft.path, outcome, signal);
    const { digest, totalBytes } = outcome.image.manifest;
    const sizes = `${sizeText(totalBytes)}, ${sizeText(imageBytes)} compressed`;
    log(`image sha256:${digest} (${sizes})`);
    await draft.keep(outcome.image.manifest.digest);
    return resultOf(outcome, imageBytes);
  } catch (error) {
    // Said to whoever publishes: no other try helps until there is room.
    if (!isFull(error)) throw error;
    server.error({ err: error, build: body.build_id }, 'no room for a build');
    return { kind: 'failed', problems: [appError('', 0, DISK_FULL)] };
  } finally {
    archive?.destroy();
    await draft.discard();
  }
}

const DISK_FULL =
  'the disk of the server that builds is full: nothing was published; free space there, then publish again';

function isFull(error: unknown): boolean {
  return startFault(error).code === 'storage_full';
}

async function archiveOf(
  client: PlaneClient,
  body: BuildBody,
  signal: AbortSignal,
): Promise<Readable> {
  const response = await client.fetch({
    method: 'GET',
    path: `/v1/internal/builds/${body.build_id}/source`,
    grant: body.build_grant,
    signal,
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new KartaError('internal', `the archive cannot be had (${response.status})`);
  }
  const archive = Readable.fromWeb(response.body as never);
  // Whoever reads it is told why it breaks off; a build may fail before anybody does.
  archive.on('error', () => {});
  return archive;
}

/** Brings the image to the control plane; its size in bytes. */
async function bringImage(
  home: string,
  client: PlaneClient,
  body: BuildBody,
  tree: string,
  outcome: Extract<BuildOutcome, { ok: true }>,
  signal: AbortSignal,
): Promise<number> {
  const path = join(home, 'builder', `${body.build_id}.image`);
  try {
    const image = await writeImageFile(path, tree, outcome.image.manifest);
    const kept = await client.call(
      {
        method: 'PUT',
        path: `/v1/internal/builds/${body.build_id}/image`,
        grant: body.build_grant,
        file: { path, digest: image.digest },
        signal,
      },
      z.object({ digest: z.string() }),
    );
    if (kept === null) throw new KartaError('internal', 'the control plane has ended the build');
    return image.bytes;
  } finally {
    await rm(path, { force: true });
  }
}

function resultOf(outcome: Extract<BuildOutcome, { ok: true }>, imageBytes: number): BuildLine {
  const { facts, image } = outcome;
  const { manifest } = image;
  return {
    kind: 'built',
    content_digest: facts.content_digest,
    digest: manifest.digest,
    image_bytes: imageBytes,
    name: facts.name,
    harness: facts.harness,
    config: facts.config,
    declared_env: facts.declared_env,
    agents: facts.agents,
    skills: facts.skills,
    warnings: facts.warnings,
    files: manifest.entries.flatMap((entry) => {
      if (entry.kind !== 'file') return [];
      const digest = manifest.digests.get(entry.path) ?? '';
      return [{ path: entry.path, digest, bytes: entry.size }];
    }),
  };
}
