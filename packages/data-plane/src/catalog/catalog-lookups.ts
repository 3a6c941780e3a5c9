import type { ProjectRecord, ReleaseRecord } from '@karta/protocol';
import type { ControlPlane, Project, Release } from '../control/port.ts';
import { configOfRecord } from '../releases/record-config.ts';
import type { Catalog, ResolvedProject } from './catalog.ts';

/** The half of the control plane's port that is answered from the catalog, without a network hop. */
export function catalogLookups(catalog: Catalog): Omit<ControlPlane, 'authenticate'> {
  return {
    async project(orgId, ref) {
      const found = catalog.project(orgId, ref);
      return found === null ? null : projectOf(found);
    },
    async projectById(orgId, projectId) {
      const found = catalog.projectById(orgId, projectId);
      return found === null ? null : projectOf(itself(found));
    },
    async defaultProject(orgId) {
      const found = catalog.defaultProject(orgId);
      return found === null ? null : projectOf(itself(found));
    },
    staffOrigins: async () => catalog.staffOrigins,
    originsOf: async (ref) => originsOf(catalog.projectsOfRef(ref)),
    async projectOfHost(orgId, label) {
      const found = catalog.projectOfHost(orgId, label);
      return found === null ? null : projectOf(found);
    },
    orgStopped: (orgId) => catalog.denial('org', orgId) !== null,
    originsOfHost: async (label) => originsOf(catalog.projectsOfHost(label)),
    async release(orgId, releaseId) {
      const found = catalog.release(orgId, releaseId);
      return found === null ? null : releaseOf(found);
    },
    activeReleases: async () => catalog.activeReleases().map(releaseOf),
  };
}

function itself(project: ProjectRecord): ResolvedProject {
  return { project, ref: project.ref, activeReleaseId: project.active_release_id };
}

function projectOf({ project, ref, activeReleaseId }: ResolvedProject): Project {
  return {
    id: project.id,
    orgId: project.org_id,
    ref,
    activeReleaseId,
    allowedOrigins: project.allowed_origins,
  };
}

function originsOf(projects: readonly ProjectRecord[]): readonly string[] {
  return [
    ...new Set(
      projects.flatMap((project) => [...project.allowed_origins, ...project.embed_origins]),
    ),
  ];
}

/** A release of a record, as the data plane uses it. */
export function releaseOf(record: ReleaseRecord): Release {
  return {
    id: record.id,
    orgId: record.org_id,
    projectId: record.project_id,
    version: record.version,
    digest: record.digest,
    harness: record.harness,
    createdAt: new Date(record.created_at),
    revokedAt: record.revoked_at === null ? null : new Date(record.revoked_at),
    standing: record.standing,
    config: configOfRecord(record.config),
  };
}
