import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type CreateSessionBody, KartaError, type KeyMode } from '@karta/protocol';
import {
  createServiceVerifier,
  fixedPeers,
  internalRouter,
  listenInternalSurface,
  loopbackSurface,
  newPlaneKey,
  planeClient,
  publicHalf,
} from '@karta/service/plane-auth';
import pino from 'pino';
import {
  type BlobStore,
  openBlobFolder,
} from '../../packages/control-plane/src/blobs/blob-store.ts';
import type { OrgActor } from '../../packages/control-plane/src/http/actor.ts';
import { insertOrg } from '../../packages/control-plane/src/identity/org-rows.ts';
import { findProject } from '../../packages/control-plane/src/projects/find-project.ts';
import { insertProject } from '../../packages/control-plane/src/projects/projects.ts';
import { activate } from '../../packages/control-plane/src/releases/activate.ts';
import {
  type Collector,
  createCollector,
} from '../../packages/control-plane/src/releases/collector.ts';
import { recordRelease } from '../../packages/control-plane/src/releases/record-release.ts';
import {
  createReleases,
  type Releases,
} from '../../packages/control-plane/src/releases/releases.ts';
import {
  type TestDatabase as ControlDatabase,
  startTestDatabase as startControlDatabase,
} from '../../packages/control-plane/src/sql/test-database.ts';
import { createNodeSync } from '../../packages/control-plane/src/sync/node-sync.ts';
import { openCatalog } from '../../packages/data-plane/src/catalog/catalog.ts';
import { catalogLookups } from '../../packages/data-plane/src/catalog/catalog-lookups.ts';
import { pinsRoute } from '../../packages/data-plane/src/catalog/pins-route.ts';
import { syncRoute } from '../../packages/data-plane/src/catalog/sync-route.ts';
import type { ControlPlane, Project } from '../../packages/data-plane/src/control/index.ts';
import type { Engine } from '../../packages/data-plane/src/sessions/engine.ts';
import { type Opened, openSession } from '../../packages/data-plane/src/sessions/open-session.ts';
import { ReleasePins } from '../../packages/data-plane/src/sessions/release-pins.ts';
import {
  type TestDatabase as DataDatabase,
  startTestDatabase as startDataDatabase,
} from '../../packages/data-plane/src/sql/test-database.ts';

/** Releases kept in any case here. */
export const KEEP = 2;
const quiet = pino({ level: 'silent' });

/**
 * Releases of the control plane and sessions of one node, as shipped: their databases, the catalog,
 * the signed requests between them. No harness is there: a session is its row.
 */
export interface ReleaseGround {
  control: ControlDatabase;
  data: DataDatabase;
  blobs: BlobStore;
  releases: Releases;
  collector: Collector;
  /** As `collector`, over another set of pins: what is wrong with it must be seen. */
  collectorAsking(
    pins: { among(ids: readonly string[]): Promise<string[]> },
    catalog?: { version: number },
  ): Promise<Collector>;
  pins: ReleasePins;
  /** Has the clock of the collector stand so many milliseconds ahead. */
  ahead(ms: number): void;
  /** The node's internal surface goes, and comes back. */
  stopNode(): Promise<void>;
  startNode(): Promise<void>;
  synced(): Promise<void>;
  project(): Promise<ReleaseProject>;
  close(): Promise<void>;
}

export interface ReleaseProject {
  actor: OrgActor;
  ref: string;
  projectId: string;
  /** Publishes a release; its version. The same `content` is the same release. */
  publish(options?: { content?: string; activate?: boolean }): Promise<string>;
  /** A session, by the ref of the project or of a preview. Throws as the platform does. */
  session(options?: {
    ref?: string;
    project?: Project;
    within?: () => Promise<void>;
  }): Promise<string>;
  /** The project as the node knows it now. */
  lookUp(ref?: string): Promise<Project>;
  /** Of its sessions that have not ended. */
  pinnedVersions(): Promise<string[]>;
  end(sessionId: string): Promise<void>;
  /** Sessions that have not ended and whose release has no files any more: never any. */
  stranded(): Promise<string[]>;
  /** Versions whose files are kept. */
  kept(): Promise<string[]>;
}

export async function startReleaseGround(): Promise<ReleaseGround> {
  const [control, data] = await Promise.all([startControlDatabase(), startDataDatabase()]);
  const home = await mkdtemp(join(tmpdir(), 'karta-collect-'));
  const blobs = await openBlobFolder(join(home, 'blobs'));
  const catalog = await openCatalog(home);
  const pins = new ReleasePins(data.database);
  const keys = { control: newPlaneKey(), data: newPlaneKey() };
  const lookups: ControlPlane = {
    ...catalogLookups(catalog),
    authenticate: () => Promise.reject(new Error('nobody calls here')),
  };
  let ahead = 0;

  async function listen(
    port: number,
    asked: Parameters<typeof pinsRoute>[1],
    told: { version: number } = catalog,
  ) {
    const routes = [
      syncRoute(catalog, { id: 'node_1', url: () => 'http://localhost:1' }),
      pinsRoute(told, asked),
    ];
    const verifier = createServiceVerifier({
      audience: 'data',
      peers: fixedPeers([publicHalf(keys.control)]),
    });
    const router = internalRouter({ routes, verifier, log: quiet });
    return listenInternalSurface(loopbackSurface(port), [router], quiet);
  }
  let node = await listen(0, pins);
  const { port } = node;
  const clientOf = (url: string) =>
    planeClient({ baseUrl: url, key: keys.control, audience: 'data', timeoutMs: 2_000 });
  const nodes = [clientOf(node.url)];
  const tokenKeys = async () => ({ keys: [] });
  const sync = createNodeSync({ database: control.database, nodes, tokenKeys, log: quiet });
  sync.start();
  const collectorOn = (asked: typeof nodes) =>
    createCollector({
      ...{ database: control.database, blobs, nodes: asked, keep: KEEP, everyMs: 3_600_000 },
      ...{ synced: sync.synced, log: quiet, now: () => Date.now() + ahead },
    });
  const others: { close(graceMs: number): Promise<void> }[] = [];
  const urlOf = (org: string, ref: string) => `http://localhost/${org}/${ref}`;
  const parts = { database: control.database, urlOf, synced: sync.synced };

  return {
    ...{ control, data, blobs, pins },
    releases: createReleases(parts),
    collector: collectorOn(nodes),
    async collectorAsking(asked, told) {
      const other = await listen(0, asked, told);
      others.push(other);
      return collectorOn([clientOf(other.url)]);
    },
    ahead(ms) {
      ahead = ms;
    },
    stopNode: () => node.close(0),
    async startNode() {
      node = await listen(port, pins);
    },
    synced: sync.synced,
    project: () => newProject({ control, data, blobs, pins, lookups, synced: sync.synced }),
    async close() {
      await sync.stop();
      await node.close(0);
      for (const other of others) await other.close(0);
      await control.close();
      await data.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

interface ProjectParts
  extends Pick<ReleaseGround, 'control' | 'data' | 'blobs' | 'pins' | 'synced'> {
  lookups: ControlPlane;
}

async function newProject(parts: ProjectParts): Promise<ReleaseProject> {
  const { control, data, blobs, pins, lookups, synced } = parts;
  const ref = `p-${randomBytes(6).toString('hex')}`;
  const actor = await control.database.transaction().execute(async (tx): Promise<OrgActor> => {
    const org = await insertOrg(tx, { slug: ref, name: 'An org' });
    if (org === null) throw new Error('the slug is taken');
    return { kind: 'api_key', id: 'key_1', label: 'key_1', orgId: org.id };
  });
  const { id: projectId } = await control.database
    .transaction()
    .execute((tx) => insertProject(tx, actor, { ref }));
  // Of the engine, what creating a session needs.
  const engine = { database: data.database, control: lookups, pins } as unknown as Engine;
  let made = 0;

  async function store(text: string): Promise<string> {
    const put = await blobs.put(Readable.from([Buffer.from(text)]), { maxBytes: 1_000 });
    return put.digest;
  }

  async function lookUp(at = ref): Promise<Project> {
    const project = await lookups.project(actor.orgId, at);
    if (project === null) throw new KartaError('not_found');
    return project;
  }

  return {
    ...{ actor, ref, projectId },
    async publish(options = {}) {
      made += 1;
      const { content = `${ref} ${made}`, activate: wanted = true } = options;
      const digest = createHash('sha256').update(content).digest('hex');
      const image = await store(`image of ${content}`);
      const source = await store(`source of ${content}`);
      const version = await control.database.transaction().execute(async (tx) => {
        const project = await findProject(tx, actor.orgId, ref, 'for update');
        const { release } = await recordRelease(tx, actor, project, {
          ...{ content_digest: digest, digest, image_blob: image, image_bytes: 1 },
          ...{ source_digest: source, harness_id: 'opencode', harness_version: '1' },
          ...{ config: CONFIG, declared_env: [], agents: [], skills: [], warnings: [], files: [] },
        });
        if (wanted) await activate(tx, actor, project, release, 'publish');
        return `v${release.number}`;
      });
      await synced();
      return version;
    },
    lookUp,
    async session({ ref: at = ref, project: given, within = async () => {} } = {}) {
      const project = given ?? (await lookUp(at));
      const principal = {
        ...{ kind: 'api_key' as const, id: 'key_1', orgId: actor.orgId, scopes: [] },
        ...{ projectId: null, sub: null, mode: 'live' as KeyMode, token: null },
      };
      const body = {} as CreateSessionBody;
      const opened: Opened = await openSession(
        engine,
        { principal, project },
        project,
        body,
        within,
      );
      return opened.row.id;
    },
    async end(sessionId) {
      await data.database
        .updateTable('sessions')
        .set({ ended_at: new Date(), status: 'ended' })
        .where('id', '=', sessionId)
        .execute();
    },
    async stranded() {
      const sessions = await data.database
        .selectFrom('sessions')
        .select(['id', 'release_id'])
        .where('project_id', '=', projectId)
        .where('ended_at', 'is', null)
        .execute();
      const gone = await control.database
        .selectFrom('releases')
        .select('id')
        .where('project_id', '=', projectId)
        .where('expired_at', 'is not', null)
        .execute();
      const ids = new Set(gone.map(({ id }) => id));
      return sessions.filter(({ release_id }) => ids.has(release_id)).map(({ id }) => id);
    },
    async pinnedVersions() {
      const rows = await data.database
        .selectFrom('sessions')
        .select('release_id')
        .where('project_id', '=', projectId)
        .where('ended_at', 'is', null)
        .execute();
      const versions = rows.map(async ({ release_id }) => {
        const release = await lookups.release(actor.orgId, release_id);
        return release?.version ?? 'none';
      });
      return Promise.all(versions);
    },
    async kept() {
      const rows = await control.database
        .selectFrom('releases')
        .select('number')
        .where('project_id', '=', projectId)
        .where('expired_at', 'is', null)
        .orderBy('number')
        .execute();
      return rows.map(({ number }) => `v${number}`);
    },
  };
}

const CONFIG = {
  memory_mb: null,
  cpus: null,
  disk_mb: null,
  max_turn_ms: null,
  env: {},
  secrets: [],
  model_default: null,
  model_fallback: [],
  network_allow: [],
  provider_tools: false,
};
