import { randomBytes } from 'node:crypto';
import { type BuildLine, KartaError, keyProvider, type ReleaseProblem } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import { sql } from 'kysely';
import type { Logger } from 'pino';
import { z } from 'zod';
import { envOfProject } from '../projects/env-of-project.ts';
import { ownKeyRules } from '../provider-keys/key-rules.ts';
import type { Database } from '../sql/database.ts';
import type { BuildLog } from './build-log.ts';
import { claimBuild } from './claim-build.ts';
import { failBuild, finishBuild } from './finish-build.ts';
import { buildOn } from './node-build.ts';
import type { Built } from './record-release.ts';
import type { BuildRow } from './tables.ts';

/** Builds that run at the same time. */
const PARALLEL = 2;
/** How often the queue is looked at without being told of anything, in milliseconds. */
const LOOK_MS = 5_000;

export interface BuildQueueParts {
  database: Database;
  /** Nodes that build, in the order in which they are asked. */
  nodes: readonly PlaneClient[];
  log: Logger;
  buildLog: BuildLog;
  /** Tells the nodes of a change and resolves when they have heard of it, or soon after. */
  synced(): Promise<void>;
}

/** Takes builds from their table, one after the other, and has the nodes do them. */
export interface BuildQueue {
  /** Goes on with what an earlier process left. */
  start(): Promise<void>;
  /** There is a build to do. */
  kick(): void;
  /** Interrupts what runs, which goes on at the next start. */
  stop(): Promise<void>;
}

export function createBuildQueue(parts: BuildQueueParts): BuildQueue {
  const { database, log, buildLog } = parts;
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;

  function kick(): void {
    if (stopping.signal.aborted || running.size >= PARALLEL) return;
    const work = next()
      .catch((error: unknown) => {
        log.error({ err: error }, 'the queue of builds cannot be worked at');
        return false;
      })
      .then((did) => {
        running.delete(work);
        if (did) kick();
      });
    running.add(work);
  }

  /** Does the next build that waits; `false` when there is none. */
  async function next(): Promise<boolean> {
    const grant = randomBytes(32).toString('base64url');
    const build = await claimBuild(database, grant);
    if (build === undefined) return false;
    // Another may wait too.
    kick();
    buildLog.changed(build.id);
    const tellEnd = buildLog.holdEnd(build.id);
    try {
      await work(build, grant);
      // Who hears that a release is active must find it so: the end is recorded before nodes know.
      await parts.synced();
    } finally {
      tellEnd();
    }
    return true;
  }

  async function work(build: BuildRow, grant: string): Promise<void> {
    try {
      await run(build, grant);
    } catch (error) {
      if (stopping.signal.aborted) await putBack(database, build.id);
      else {
        log.error({ err: error, build: build.id }, 'a build broke off');
        await failBuild(database, build, [problem(reasonOf(error))]);
      }
    }
  }

  async function run(build: BuildRow, grant: string): Promise<void> {
    const writer = buildLog.writer(build.id);
    const project = await database
      .selectFrom('projects')
      .select(['ref', 'deleted_at'])
      .where('id', '=', build.project_id)
      .executeTakeFirstOrThrow();
    const { own_keys } = await ownKeyRules(database, build.org_id);
    const result = await onSomeNode(
      {
        build_id: build.id,
        org_id: build.org_id,
        project_id: build.project_id,
        source_digest: build.source_digest,
        build_grant: grant,
        env: await envOfProject(database, build.project_id),
        fallback_name: project.ref,
        own_providers: z.array(keyProvider).parse(own_keys),
      },
      (text, at) => writer.write(text, at),
    );
    await writer.flushed();
    if (result.kind === 'failed') await failBuild(database, build, result.problems);
    else await finishBuild(database, build, result);
  }

  async function onSomeNode(
    body: Parameters<typeof buildOn>[1],
    say: (text: string, at: Date) => void,
  ): Promise<Built | Extract<BuildLine, { kind: 'failed' }>> {
    let last: unknown = new KartaError('internal', 'no data plane is known to this control plane');
    for (const node of parts.nodes) {
      try {
        for await (const line of buildOn(node, body, stopping.signal)) {
          if (line.kind !== 'log') return line;
          say(line.text, new Date(line.at));
        }
        last = new Error('the node ended without a result');
      } catch (error) {
        if (stopping.signal.aborted) throw error;
        last = error;
        log.warn({ err: error, build: body.build_id }, 'a node could not build');
      }
    }
    throw last;
  }

  return {
    kick,
    async start() {
      // Only this process builds: what is marked as running was interrupted.
      await database
        .updateTable('builds')
        .set({ status: 'queued', grant_digest: null })
        .where('status', '=', 'running')
        .execute();
      await sql`delete from build_log using builds
        where builds.id = build_log.build_id and builds.status = 'queued'`.execute(database);
      timer = setInterval(kick, LOOK_MS);
      timer.unref();
      kick();
    },
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await Promise.all(running);
    },
  };
}

async function putBack(database: Database, buildId: string): Promise<void> {
  await database
    .updateTable('builds')
    .set({ status: 'queued', grant_digest: null })
    .where('id', '=', buildId)
    .where('status', '=', 'running')
    .execute();
}

function problem(message: string): ReleaseProblem {
  return { severity: 'error', file: '', line: 0, message };
}

/** Said to the builder: what went wrong on the server, without its insides. */
function reasonOf(error: unknown): string {
  if (KartaError.is(error) && error.code === 'release_revoked') return error.message;
  if (KartaError.is(error) && error.code === 'control_unavailable') {
    return 'no data plane could be reached to build it; publish again';
  }
  return 'the server failed while it built; publish again';
}
