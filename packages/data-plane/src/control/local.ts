import { statSync } from 'node:fs';
import { isApiKey, keyDigest, keyPrefix, loadPepper, sameDigest } from '@karta/service/home';
import {
  type LocalState,
  localStatePath,
  type ProjectRecord,
  type ReleaseRecord,
  readLocalState,
} from './local-state.ts';
import type { ControlPlane, Principal, Project, Release } from './port.ts';

/** For keys and releases the file is looked at no more often than this. */
const RECHECK_MS = 200;

/**
 * The control plane of a platform home without one: answers from `local-control.json`, which is
 * read anew when it changes. Throws an `Error` that names the file when there is none or it is
 * broken; a file that breaks later fails the calls until it is repaired.
 */
export async function openLocalControl(home: string): Promise<ControlPlane> {
  const pepper = await loadPepper(home);
  const current = watchedState(home);
  await current();

  async function projectWhere(
    orgId: string,
    matches: (project: ProjectRecord, state: LocalState) => boolean,
  ): Promise<Project | null> {
    // Whoever has just published asks for the project next, and must find the new release.
    const state = await current({ fresh: true });
    if (state.org.id !== orgId) return null;
    const found = state.projects.find((project) => matches(project, state));
    return found ? projectOf(state, found) : null;
  }

  return {
    async authenticate(credential) {
      if (!isApiKey(credential)) return null;
      const state = await current();
      const digest = keyDigest(credential, pepper);
      const prefix = keyPrefix(credential);
      const key = state.api_keys.find(
        (known) => known.prefix === prefix && sameDigest(known.digest, digest),
      );
      if (!key) return null;
      return principalOf(state.org.id, key.id, key.scopes);
    },
    project: (orgId, ref) => projectWhere(orgId, (project) => project.ref === ref),
    projectById: (orgId, projectId) => projectWhere(orgId, (project) => project.id === projectId),
    defaultProject: (orgId) =>
      projectWhere(orgId, (project, state) => project.id === state.org.default_project_id),
    async originsOf(ref) {
      const state = await current();
      return state.projects.find((project) => project.ref === ref)?.allowed_origins ?? [];
    },
    projectOfHost: (orgId, label) =>
      projectWhere(orgId, (project) => hostLabel(project.ref) === label),
    async originsOfHost(label) {
      const state = await current();
      const found = state.projects.find((project) => hostLabel(project.ref) === label);
      return found?.allowed_origins ?? [];
    },
    async release(orgId, releaseId) {
      const state = await current();
      if (state.org.id !== orgId) return null;
      const found = state.releases.find((release) => release.id === releaseId);
      return found ? releaseOf(state, found) : null;
    },
    async activeReleases() {
      const state = await current();
      const active = new Set(state.projects.map((project) => project.active_release_id));
      return state.releases
        .filter((release) => active.has(release.id))
        .map((release) => releaseOf(state, release));
    },
  };
}

/** The one org of a home without a control plane is called `local` in host names. */
function hostLabel(ref: string): string {
  return `${ref}-local`;
}

/** Yields the state, read anew when the file's identity, size or time has changed. */
function watchedState(home: string): (options?: { fresh: boolean }) => Promise<LocalState> {
  const path = localStatePath(home);
  let checkedAt = Number.NEGATIVE_INFINITY;
  let seen = '';
  let state: Promise<LocalState> | null = null;
  return ({ fresh } = { fresh: false }) => {
    const now = performance.now();
    if (state !== null && !fresh && now - checkedAt < RECHECK_MS) return state;
    checkedAt = now;
    const mark = fingerprint(path);
    if (state === null || mark !== seen) {
      seen = mark;
      state = requireState(home);
    }
    return state;
  };
}

/** Synchronous on purpose: a stat of a cached inode takes microseconds, less than a thread hop. */
function fingerprint(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.ino}:${stat.size}:${stat.mtimeNs}` : 'absent';
}

async function requireState(home: string): Promise<LocalState> {
  const state = await readLocalState(home);
  if (state === null) throw new Error(`${localStatePath(home)} does not exist`);
  return state;
}

function principalOf(orgId: string, id: string, scopes: Principal['scopes']): Principal {
  return {
    kind: 'api_key',
    id,
    orgId,
    scopes,
    projectId: null,
    sub: null,
    mode: 'live',
    token: null,
  };
}

function projectOf(state: LocalState, project: ProjectRecord): Project {
  return {
    id: project.id,
    orgId: state.org.id,
    ref: project.ref,
    activeReleaseId: project.active_release_id,
    allowedOrigins: project.allowed_origins,
  };
}

function releaseOf(state: LocalState, release: ReleaseRecord): Release {
  return {
    id: release.id,
    orgId: state.org.id,
    projectId: release.project_id,
    version: release.version,
    digest: release.digest,
    harness: release.harness,
    createdAt: new Date(release.created_at),
    config: release.config,
  };
}
