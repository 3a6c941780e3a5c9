import type { Denial, ProjectRecord, ReleaseRecord, SyncBody } from '@karta/protocol';
import type { RateRules } from '../rates/rate-rules.ts';
import { readCatalogFile, writeCatalogFile } from './catalog-file.ts';
import {
  type CatalogState,
  changeBetween,
  EMPTY_CATALOG,
  indexOf,
  withChanges,
} from './catalog-state.ts';

/** What changed with one sync. */
export interface CatalogChange {
  /** Releases and projects whose record is another than before, or is gone. */
  releaseIds: ReadonlySet<string>;
  projectIds: ReadonlySet<string>;
  /** Orgs that are stopped from now on, or no longer. */
  orgIds: ReadonlySet<string>;
}

/**
 * What the control plane has told this node: projects, releases, denials and the keys of session
 * tokens. In memory for every request, and on disk so that the node restarts without it.
 */
export interface Catalog {
  /** The number of the newest change that is in here; 0 before the first sync. */
  readonly version: number;
  /** When the control plane last spoke, in milliseconds since the epoch; `null`: not since the start. */
  readonly heardAt: number | null;
  /** Takes changes in; the answer is the version after. One that does not fit is left alone. */
  apply(body: SyncBody): Promise<number>;
  /** A project of the org by its ref or by that of a preview. */
  project(orgId: string, ref: string): ResolvedProject | null;
  projectById(orgId: string, projectId: string): ProjectRecord | null;
  defaultProject(orgId: string): ProjectRecord | null;
  /** Of any org. */
  projectsOfRef(ref: string): readonly ProjectRecord[];
  release(orgId: string, releaseId: string): ReleaseRecord | null;
  /** Of any org: for what the node itself does with its sessions. */
  releaseById(releaseId: string): ReleaseRecord | null;
  revokedReleaseIds(): string[];
  /** Digests of the releases whose files are kept. */
  keptDigests(): Set<string>;
  /** Whether any org has it. */
  hasProject(projectId: string): boolean;
  /** Releases that new sessions are pinned to, but for those of stopped orgs. */
  activeReleases(): readonly ReleaseRecord[];
  /** A project by the label of its host, `{ref}-{org}`. */
  projectOfHost(orgId: string, label: string): ResolvedProject | null;
  projectsOfHost(label: string): readonly ProjectRecord[];
  /** Denials that still count. */
  denial(kind: Denial['kind'], id: string): Denial | null;
  /** Orgs of which nothing may run: they are suspended or deleted. */
  stoppedOrgIds(): string[];
  readonly tokenKeys: SyncBody['token_keys'];
  /** Origins of the pages on which people of orgs use staff tokens. */
  readonly staffOrigins: readonly string[];
  /** The rate limits of all orgs, as they are now. */
  readonly rateRules: RateRules;
  /** Calls `listener` after each sync that changed something. */
  onChange(listener: (change: CatalogChange) => void): void;
}

/** A project as a ref names it: a preview's ref is its project with another release. */
export interface ResolvedProject {
  project: ProjectRecord;
  /** The ref that was asked for. */
  ref: string;
  activeReleaseId: string | null;
}

/** The catalog of a platform home, as it was last told. Throws an `Error` naming a damaged file. */
export async function openCatalog(home: string): Promise<Catalog> {
  let state: CatalogState = (await readCatalogFile(home)) ?? EMPTY_CATALOG;
  let index = indexOf(state);
  let heardAt: number | null = null;
  /** Changes are taken in one after the other. */
  let applying: Promise<unknown> = Promise.resolve();
  const listeners: ((change: CatalogChange) => void)[] = [];

  function resolve(records: readonly ProjectRecord[], ref: string): ResolvedProject | null {
    const now = Date.now();
    for (const project of records) {
      if (project.ref === ref) return { project, ref, activeReleaseId: project.active_release_id };
      const preview = project.previews.find(
        (one) => one.ref === ref && Date.parse(one.expires_at) > now,
      );
      if (preview !== undefined) return { project, ref, activeReleaseId: preview.release_id };
    }
    return null;
  }

  async function take(body: SyncBody): Promise<number> {
    if (!body.complete && body.since !== state.version) return state.version;
    heardAt = Date.now();
    const next = withChanges(state, body);
    if (next === null) return state.version;
    // On disk first: what was answered as taken must be there after a crash.
    await writeCatalogFile(home, next);
    const before = index;
    state = next;
    index = indexOf(state);
    const change = changeBetween(before, index);
    for (const listener of listeners) listener(change);
    return state.version;
  }

  function denial(kind: Denial['kind'], id: string): Denial | null {
    const found = index.denials.get(`${kind} ${id}`);
    return found !== undefined && found.until * 1000 > Date.now() ? found : null;
  }

  const ofOrg = (records: readonly ProjectRecord[], orgId: string) =>
    records.filter((project) => project.org_id === orgId);

  return {
    get version() {
      return state.version;
    },
    get heardAt() {
      return heardAt;
    },
    get tokenKeys() {
      return state.token_keys;
    },
    get staffOrigins() {
      return state.staff_origins;
    },
    get rateRules() {
      return index.rateRules;
    },
    apply(body) {
      const applied = applying.then(() => take(body));
      applying = applied.catch(() => undefined);
      return applied;
    },
    project: (orgId, ref) => resolve(ofOrg(index.byRef.get(ref) ?? [], orgId), ref),
    projectById(orgId, projectId) {
      const found = index.projects.get(projectId);
      return found?.org_id === orgId ? found : null;
    },
    defaultProject: (orgId) => index.defaults.get(orgId) ?? null,
    projectsOfRef: (ref) => index.byRef.get(ref) ?? [],
    release(orgId, releaseId) {
      const found = index.releases.get(releaseId);
      return found?.org_id === orgId ? found : null;
    },
    releaseById: (releaseId) => index.releases.get(releaseId) ?? null,
    revokedReleaseIds: () =>
      state.releases.filter((one) => one.revoked_at !== null).map(({ id }) => id),
    keptDigests: () =>
      new Set(state.releases.filter((one) => one.standing !== 'expired').map((one) => one.digest)),
    hasProject: (projectId) => index.projects.has(projectId),
    activeReleases: () =>
      state.projects.flatMap(({ active_release_id }) => {
        const found =
          active_release_id === null ? undefined : index.releases.get(active_release_id);
        if (found === undefined || found.revoked_at !== null) return [];
        return denial('org', found.org_id) === null ? [found] : [];
      }),
    projectOfHost(orgId, label) {
      for (const project of ofOrg(index.byHost.get(label) ?? [], orgId)) {
        const ref = label.slice(0, -(project.org_slug.length + 1));
        const found = resolve([project], ref);
        if (found !== null) return found;
      }
      return null;
    },
    projectsOfHost: (label) => index.byHost.get(label) ?? [],
    denial,
    stoppedOrgIds: () =>
      state.denials.flatMap(({ kind, id }) => (kind === 'org' && denial(kind, id) ? [id] : [])),
    onChange: (listener) => void listeners.push(listener),
  };
}
