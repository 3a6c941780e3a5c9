import { newId } from '@karta/protocol';
import {
  changeLocalState,
  type LocalState,
  type ProjectRecord,
  projectRef,
  type ReleaseRecord,
} from './local-state.ts';
import type { ReleaseConfig } from './port.ts';

/** What a publish found out about a folder. */
export interface PublishedContent {
  /** The project to publish to; created when the org has none of that ref. */
  ref: string;
  /** SHA-256 of the content, hex. */
  digest: string;
  harness: { id: string; version: string };
  config: ReleaseConfig;
}

export interface RecordedRelease {
  projectId: string;
  releaseId: string;
  /** `v1`, `v2`, … within the project. */
  version: string;
  /** False when the project had this very release already. */
  created: boolean;
}

/**
 * Records a release of a project, without activating it. The same content, harness and
 * configuration is the same release. Throws a `ZodError` when the ref cannot stand in a URL.
 */
export async function recordRelease(
  home: string,
  content: PublishedContent,
): Promise<RecordedRelease> {
  const ref = projectRef.parse(content.ref);
  return changeOrg(home, (state) => {
    const now = new Date().toISOString();
    const project: ProjectRecord = state.projects.find((known) => known.ref === ref) ?? {
      id: newId('project'),
      ref,
      created_at: now,
      active_release_id: null,
      allowed_origins: [],
    };
    const releases = state.releases.filter((known) => known.project_id === project.id);
    const same = releases.find((known) => isSameRelease(known, content));
    if (same) return { state: null, result: recorded(same, false) };
    const release: ReleaseRecord = {
      id: newId('release'),
      project_id: project.id,
      version: `v${releases.length + 1}`,
      digest: content.digest,
      harness: content.harness,
      created_at: now,
      config: {
        ...content.config,
        env: { ...content.config.env },
        networkAllow: [...content.config.networkAllow],
      },
    };
    const projects = state.projects.includes(project)
      ? state.projects
      : [...state.projects, project];
    return {
      state: { ...state, projects, releases: [...state.releases, release] },
      result: recorded(release, true),
    };
  });
}

/**
 * Makes a release the one that new sessions of its project are pinned to. The first activation of
 * the org makes its project the default. Throws an `Error` when there is no such release.
 */
export async function activateRelease(home: string, releaseId: string): Promise<void> {
  await changeOrg(home, (state) => {
    const release = state.releases.find((known) => known.id === releaseId);
    if (!release) throw new Error(`no release ${releaseId} in ${home}`);
    const projects = state.projects.map((project) =>
      project.id === release.project_id ? { ...project, active_release_id: releaseId } : project,
    );
    const org = {
      ...state.org,
      default_project_id: state.org.default_project_id ?? release.project_id,
    };
    return { state: { ...state, org, projects }, result: undefined };
  });
}

/** Chooses the project of flat sessions. Throws an `Error` when there is no such project. */
export async function setDefaultProject(home: string, ref: string): Promise<void> {
  await changeProject(home, ref, (state, project) => ({
    ...state,
    org: { ...state.org, default_project_id: project.id },
  }));
}

/** Sets the exact origins, such as `https://shop.example`, whose pages may call a project. */
export async function setAllowedOrigins(
  home: string,
  ref: string,
  origins: readonly string[],
): Promise<void> {
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new Error(`${origin} is no origin: write scheme, host and port only`);
    }
  }
  await changeProject(home, ref, (state, project) => ({
    ...state,
    projects: state.projects.map((known) =>
      known === project ? { ...known, allowed_origins: [...origins] } : known,
    ),
  }));
}

async function changeProject(
  home: string,
  ref: string,
  change: (state: LocalState, project: ProjectRecord) => LocalState,
): Promise<void> {
  await changeOrg(home, (state) => {
    const project = state.projects.find((known) => known.ref === ref);
    if (!project) throw new Error(`no project "${ref}" in ${home}`);
    return { state: change(state, project), result: undefined };
  });
}

async function changeOrg<T>(
  home: string,
  change: (state: LocalState) => { state: LocalState | null; result: T },
): Promise<T> {
  return changeLocalState(home, async (state) => {
    if (state === null) throw new Error(`${home} has no org yet: call ensureLocalOrg first`);
    return change(state);
  });
}

function isSameRelease(known: ReleaseRecord, content: PublishedContent): boolean {
  return (
    known.digest === content.digest &&
    known.harness.id === content.harness.id &&
    known.harness.version === content.harness.version &&
    canonical(known.config) === canonical(content.config)
  );
}

/** Equal for equal values, whatever the order of their keys. */
function canonical(config: ReleaseConfig): string {
  const { env, ...rest } = config;
  return JSON.stringify([sorted(rest), sorted(env)]);
}

function sorted(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

function recorded(release: ReleaseRecord, created: boolean): RecordedRelease {
  return {
    projectId: release.project_id,
    releaseId: release.id,
    version: release.version,
    created,
  };
}
