import { type EnvValue, isoTime, KartaError, type ReleaseView } from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import { releaseWithEnv } from '../releases/release-with-env.ts';
import type { Database } from '../sql/database.ts';
import { findProject } from './find-project.ts';
import type { Sealer } from './sealed-value.ts';

/** What came of a change: the value as it is now, and the release that the change made. */
export interface EnvChange {
  value: EnvValue | null;
  release: ReleaseView | null;
}

/** Values of a project's `[env]`. Every method throws `KartaError('not_found')` for its ref. */
export interface EnvValues {
  /** By name; of secrets only that they are there. */
  list(orgId: string, ref: string): Promise<EnvValue[]>;
  set(
    actor: OrgActor,
    ref: string,
    name: string,
    given: { value: string; secret: boolean },
  ): Promise<EnvChange>;
  /** Throws `KartaError('not_found')` when there is none of that name. */
  unset(actor: OrgActor, ref: string, name: string): Promise<EnvChange>;
  /** Opened secrets by name, for the node that starts a sandbox. */
  secretsOf(orgId: string, projectId: string): Promise<Record<string, string>>;
}

export interface EnvValuesParts {
  database: Database;
  sealer: Sealer;
  /** Tells the nodes of a change and resolves when they have heard of it, or soon after. */
  synced(): Promise<void>;
}

export function createEnvValues({ database, sealer, synced }: EnvValuesParts): EnvValues {
  return {
    async list(orgId, ref) {
      const project = await findProject(database, orgId, ref);
      const rows = await database
        .selectFrom('env_values')
        .select(['name', 'secret', 'value', 'updated_at'])
        .where('project_id', '=', project.id)
        .orderBy('name')
        .execute();
      return rows.map(({ updated_at, ...row }) => ({ ...row, updated_at: isoTime(updated_at) }));
    },
    async set(actor, ref, name, { value, secret }) {
      const changed = await database.transaction().execute(async (tx) => {
        const project = await findProject(tx, actor.orgId, ref, 'for update');
        const sealed = secret
          ? JSON.stringify(sealer.seal(value, contextOf(project.id, name)))
          : null;
        const row = {
          secret,
          value: secret ? null : value,
          sealed,
          updated_at: new Date(),
        };
        await tx
          .insertInto('env_values')
          .values({ ...row, project_id: project.id, org_id: actor.orgId, name })
          .onConflict((conflict) => conflict.columns(['project_id', 'name']).doUpdateSet(row))
          .execute();
        const release = await releaseWithEnv(tx, actor, project);
        await recordAudit(tx, {
          actor,
          action: 'env.set',
          target: { kind: 'project', id: project.id },
          details: { project: ref, name, secret, release: release?.version ?? null },
        });
        const shown: EnvValue = {
          name,
          secret,
          value: row.value,
          updated_at: isoTime(row.updated_at),
        };
        return { value: shown, release };
      });
      if (changed.release !== null) await synced();
      return changed;
    },
    async unset(actor, ref, name) {
      const release = await database.transaction().execute(async (tx) => {
        const project = await findProject(tx, actor.orgId, ref, 'for update');
        const { numDeletedRows } = await tx
          .deleteFrom('env_values')
          .where('project_id', '=', project.id)
          .where('name', '=', name)
          .executeTakeFirst();
        if (numDeletedRows === 0n) throw new KartaError('not_found', `${name} has no value.`);
        const made = await releaseWithEnv(tx, actor, project);
        await recordAudit(tx, {
          actor,
          action: 'env.unset',
          target: { kind: 'project', id: project.id },
          details: { project: ref, name, release: made?.version ?? null },
        });
        return made;
      });
      if (release !== null) await synced();
      return { value: null, release };
    },
    async secretsOf(orgId, projectId) {
      const rows = await database
        .selectFrom('env_values')
        .select(['name', 'sealed'])
        .where('org_id', '=', orgId)
        .where('project_id', '=', projectId)
        .where('secret', '=', true)
        .execute();
      const values: Record<string, string> = {};
      for (const { name, sealed } of rows) {
        if (sealed !== null) values[name] = sealer.open(sealed, contextOf(projectId, name));
      }
      return values;
    },
  };
}

/** Binds a secret to its place: a row moved to another project or name does not open there. */
function contextOf(projectId: string, name: string): string[] {
  return ['env', projectId, name];
}
