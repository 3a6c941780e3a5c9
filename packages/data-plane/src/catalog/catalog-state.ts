import {
  type Denial,
  denial,
  hostLabel,
  orgRateLimits,
  type ProjectRecord,
  projectRecord,
  type ReleaseRecord,
  releaseRecord,
  type SyncBody,
  syncBody,
} from '@karta/protocol';
import { z } from 'zod';
import { type RateRules, rateRules } from '../rates/rate-rules.ts';
import type { CatalogChange } from './catalog.ts';

/** Everything a node was told, as it stands on its disk. */
export const catalogState = z.strictObject({
  format: z.literal(1),
  version: z.int().nonnegative(),
  projects: z.array(projectRecord),
  releases: z.array(releaseRecord),
  denials: z.array(denial),
  rate_limits: z.array(orgRateLimits).default([]),
  nodes: z.int().positive().default(1),
  staff_origins: syncBody.shape.staff_origins,
  token_keys: syncBody.shape.token_keys,
});
export type CatalogState = z.infer<typeof catalogState>;

export const EMPTY_CATALOG: CatalogState = {
  format: 1,
  version: 0,
  projects: [],
  releases: [],
  denials: [],
  rate_limits: [],
  nodes: 1,
  staff_origins: [],
  token_keys: { keys: [] },
};

/** The same, to be looked up in. */
export interface CatalogIndex {
  projects: ReadonlyMap<string, ProjectRecord>;
  releases: ReadonlyMap<string, ReleaseRecord>;
  /** By ref, those of previews too. */
  byRef: ReadonlyMap<string, readonly ProjectRecord[]>;
  /** By host label. */
  byHost: ReadonlyMap<string, readonly ProjectRecord[]>;
  /** By org. */
  defaults: ReadonlyMap<string, ProjectRecord>;
  /** By kind and id. */
  denials: ReadonlyMap<string, Denial>;
  rateRules: RateRules;
}

export function indexOf(state: CatalogState): CatalogIndex {
  const byRef = new Map<string, ProjectRecord[]>();
  const byHost = new Map<string, ProjectRecord[]>();
  const add = (map: Map<string, ProjectRecord[]>, key: string, project: ProjectRecord) => {
    const known = map.get(key);
    if (known === undefined) map.set(key, [project]);
    else known.push(project);
  };
  for (const project of state.projects) {
    for (const ref of [project.ref, ...project.previews.map((preview) => preview.ref)]) {
      add(byRef, ref, project);
      add(byHost, hostLabel(ref, project.org_slug), project);
    }
  }
  return {
    projects: new Map(state.projects.map((project) => [project.id, project])),
    releases: new Map(state.releases.map((release) => [release.id, release])),
    byRef,
    byHost,
    defaults: new Map(
      state.projects.filter((one) => one.is_default).map((project) => [project.org_id, project]),
    ),
    denials: new Map(state.denials.map((one) => [`${one.kind} ${one.id}`, one])),
    rateRules: rateRules(state.rate_limits, state.nodes),
  };
}

/** The state after a sync; `null` when nothing is different. */
export function withChanges(state: CatalogState, body: SyncBody): CatalogState | null {
  const keysAreSame = JSON.stringify(state.token_keys) === JSON.stringify(body.token_keys);
  const sameNodes =
    state.nodes === body.nodes && String(state.staff_origins) === String(body.staff_origins);
  if (!body.complete && body.version === state.version && keysAreSame && sameNodes) return null;
  const now = Date.now() / 1000;
  const base = body.complete ? EMPTY_CATALOG : state;
  return {
    format: 1,
    version: body.version,
    projects: replaced(base.projects, body.projects, ({ id }) => id).filter(
      (project) => !project.deleted,
    ),
    releases: replaced(base.releases, body.releases, ({ id }) => id),
    denials: replaced(base.denials, body.denials, ({ kind, id }) => `${kind} ${id}`).filter(
      (one) => one.until > now,
    ),
    rate_limits: replaced(base.rate_limits, body.rate_limits, ({ org_id }) => org_id ?? '').filter(
      ({ limits }) => limits.length > 0,
    ),
    nodes: body.nodes,
    staff_origins: body.staff_origins,
    token_keys: body.token_keys,
  };
}

function replaced<T>(base: readonly T[], changes: readonly T[], keyOf: (one: T) => string): T[] {
  const result = new Map(base.map((one) => [keyOf(one), one]));
  for (const one of changes) result.set(keyOf(one), one);
  return [...result.values()];
}

/** Which records are others, or gone. */
export function changeBetween(before: CatalogIndex, after: CatalogIndex): CatalogChange {
  return {
    releaseIds: differing(before.releases, after.releases),
    projectIds: differing(before.projects, after.projects),
    orgIds: new Set(
      [...differing(before.denials, after.denials)].flatMap((key) => {
        const denied = after.denials.get(key) ?? before.denials.get(key);
        return denied?.kind === 'org' ? [denied.id] : [];
      }),
    ),
  };
}

function differing<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): Set<string> {
  const ids = new Set<string>();
  for (const [id, value] of after) {
    // A record that was not told again is the very same object.
    if (before.get(id) !== value) ids.add(id);
  }
  for (const id of before.keys()) if (!after.has(id)) ids.add(id);
  return ids;
}
