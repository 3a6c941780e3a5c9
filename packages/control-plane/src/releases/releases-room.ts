import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ownFolder, userToBecome } from '@karta/service/own-user';
import type { BoundInternalRoute, PlaneClient } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import { type BlobStore, openBlobFolder } from '../blobs/blob-store.ts';
import type { ControlPlaneConfig } from '../config.ts';
import { gitRoutes } from '../git/git-routes.ts';
import { openLocalPushRepo } from '../git/local-push-repo.ts';
import { pushReposAt } from '../git/remote-push-repo.ts';
import type { BoundRoute } from '../http/route.ts';
import type { OrgGrants } from '../internal/org-grant.ts';
import { envRoutes } from '../projects/env-routes.ts';
import { createEnvValues } from '../projects/env-values.ts';
import { projectRoutes } from '../projects/project-routes.ts';
import { projectUrls } from '../projects/project-url.ts';
import { createProjects, type Projects } from '../projects/projects.ts';
import { openSealer } from '../projects/sealed-value.ts';
import type { Database } from '../sql/database.ts';
import type { NodeSync } from '../sync/node-sync.ts';
import { createBuildLog } from './build-log.ts';
import { createBuildQueue } from './build-queue.ts';
import { buildRoutes } from './build-routes.ts';
import { createCollector } from './collector.ts';
import { internalReleaseRoutes } from './internal-routes.ts';
import { publishAndWait } from './publish-and-wait.ts';
import { createPublishes } from './publishes.ts';
import { releaseRoutes } from './release-routes.ts';
import { createReleases } from './releases.ts';

export interface ReleasesRoomParts {
  config: Pick<ControlPlaneConfig, 'home' | 'run_as_uid' | 'git_socket' | 'collection' | 'domain'>;
  database: Database;
  log: Logger;
  grants: OrgGrants;
  nodes: readonly PlaneClient[];
  sync: NodeSync;
}

/** Projects, their releases and values. */
export interface ReleasesRoom {
  routes: BoundRoute[];
  internalRoutes: BoundInternalRoute[];
  projects: Projects;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function createReleasesRoom(parts: ReleasesRoomParts): Promise<ReleasesRoom> {
  const { config, database, log, nodes, sync } = parts;
  const { changed, synced } = sync;
  const urlOf = projectUrls(config.domain, sync.dataUrl);
  const blobs = await openBlobs(config);
  const buildLog = createBuildLog(database);
  const queue = createBuildQueue({ database, nodes, log, buildLog, synced });
  const env = createEnvValues({ database, sealer: await openSealer(config.home), synced });
  const projects = createProjects({ database, urlOf, changed });
  const publishes = createPublishes({ database, blobs, urlOf, queued: queue.kick });
  const releases = createReleases({ database, urlOf, synced });
  const collector = createCollector({
    ...{ database, blobs, nodes, synced, log },
    keep: config.collection.keep,
    everyMs: config.collection.every_ms,
  });
  return {
    projects,
    routes: [
      ...projectRoutes(projects),
      ...releaseRoutes(releases),
      ...buildRoutes({ database, publishes, buildLog, urlOf }),
      ...envRoutes(env),
      ...gitRoutes({
        log,
        openRepo: config.git_socket ? pushReposAt(config.git_socket) : openLocalPushRepo,
        publish: (actor, ref, archive, say) =>
          publishAndWait({ database, publishes, buildLog, urlOf }, actor, ref, archive, say),
      }),
    ],
    internalRoutes: internalReleaseRoutes({ database, blobs, grants: parts.grants, env }),
    async start() {
      await queue.start();
      collector.start();
    },
    async stop() {
      await collector.stop();
      await queue.stop();
    },
  };
}

/** The folder of blobs, for whoever this process is going to be. */
async function openBlobs({ home, run_as_uid }: ReleasesRoomParts['config']): Promise<BlobStore> {
  const folder = join(home, 'blobs');
  // Made here, where it can still be given away with the folder.
  await mkdir(join(folder, 'drafts'), { recursive: true, mode: 0o700 });
  return openBlobFolder(await ownFolder(folder, userToBecome(run_as_uid)));
}
