import type { IdempotencyScope } from '@karta/http';
import { completeKey } from '@karta/postgres';
import {
  type CreatedEmbedKey,
  type createEmbedKeyBody,
  type EmbedKeyView,
  isoTime,
  KartaError,
  LIMITS,
  limitOf,
  newId,
} from '@karta/protocol';
import { randomBase62 } from '@karta/service/home';
import type { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import { insertBudget } from '../budgets/insert-budget.ts';
import { lockBudgets } from '../budgets/org-lock.ts';
import type { OrgActor } from '../http/actor.ts';
import { deny } from '../keys/denials.ts';
import type { EmbedKeyRow } from '../keys/tables.ts';
import { findProject } from '../projects/find-project.ts';
import type { Database, Tx } from '../sql/database.ts';
import { newestFirst, type PageAsked } from '../sql/newest-first.ts';
import { nextRevision } from '../sync/catalog-version.ts';
import type { Visitors } from './visitors.ts';

/** Embed keys of projects. Every method throws `KartaError('not_found')` for an unknown ref. */
export interface EmbedKeys {
  create(
    actor: OrgActor,
    ref: string,
    body: z.output<typeof createEmbedKeyBody>,
    once: IdempotencyScope | null,
  ): Promise<CreatedEmbedKey>;
  /** Newest first; revoked ones too. */
  list(
    orgId: string,
    ref: string,
    page: PageAsked,
  ): Promise<{ embedKeys: EmbedKeyView[]; nextCursor: string | null }>;
  /** Mints nothing any more, and what it minted is refused. */
  revoke(actor: OrgActor, ref: string, keyId: string): Promise<void>;
  /** The key of a web page with its project, or `null` for one that is unknown or revoked. */
  find(embedKey: string): Promise<FoundEmbedKey | null>;
}

export interface FoundEmbedKey extends EmbedKeyRow {
  ref: string;
}

export interface EmbedKeysParts {
  database: Database;
  visitors: Visitors;
  /** Resolves when the nodes have heard that something changed, or after a moment. */
  changed(): Promise<void>;
}

export function createEmbedKeys({ database, visitors, changed }: EmbedKeysParts): EmbedKeys {
  return {
    async create(actor, ref, body, once) {
      const made = await database.transaction().execute(async (tx) => {
        if (actor.mode === 'test' && body.mode !== 'test') {
          throw new KartaError('forbidden', 'A test key may create test keys only.');
        }
        if (body.budget !== undefined) await lockBudgets(tx, actor.orgId);
        const project = await findProject(tx, actor.orgId, ref);
        const row = await tx
          .insertInto('embed_keys')
          .values({
            id: newId('embed_key'),
            org_id: actor.orgId,
            project_id: project.id,
            embed_key: `pk_${body.mode}_${randomBase62(KEY_CHARS)}`,
            name: body.name,
            mode: body.mode,
            allowed_origins: [...new Set(body.allowed_origins)],
            scopes: [...new Set(body.scopes)],
            verified_only: body.verified_only,
            created_by: actor.label,
            created_at: new Date(),
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        if (once !== null) await completeKey(tx, once, row.id, 201);
        await tellOrigins(tx, project.id);
        if (body.budget !== undefined) {
          const { metric, window: period, limit } = body.budget;
          const cap = limitOf(limit);
          const made = { scope: 'embed_key', scope_id: row.id, metric, period, cap } as const;
          await insertBudget(tx, actor, made, row.created_at);
        }
        await recordAudit(tx, {
          actor,
          action: 'embed_keys.create',
          target: { kind: 'embed_key', id: row.id },
          details: {
            ref,
            name: row.name,
            allowed_origins: row.allowed_origins,
            scopes: row.scopes,
            verified_only: row.verified_only,
          },
        });
        return { ...shown(row), visitor_secret: visitors.secretOf(row.id) };
      });
      await changed();
      return made;
    },
    async list(orgId, ref, asked) {
      const project = await findProject(database, orgId, ref);
      const all = database
        .selectFrom('embed_keys')
        .selectAll()
        .where('project_id', '=', project.id);
      const { page, nextCursor } = await newestFirst(all, 'embed_key', asked);
      return { embedKeys: page.map(shown), nextCursor };
    },
    async revoke(actor, ref, keyId) {
      await database.transaction().execute(async (tx) => {
        const project = await findProject(tx, actor.orgId, ref);
        const row = await tx
          .updateTable('embed_keys')
          .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(new Date())) }))
          .where('id', '=', keyId)
          .where('project_id', '=', project.id)
          .returning('name')
          .executeTakeFirst();
        if (row === undefined) throw new KartaError('not_found', 'There is no such embed key.');
        await tellOrigins(tx, project.id);
        const forMs = LIMITS.sessionTokenMs + LIMITS.streamGraceMs;
        await deny(tx, { kind: 'api_key', id: keyId, orgId: actor.orgId, forMs });
        await recordAudit(tx, {
          actor,
          action: 'embed_keys.revoke',
          target: { kind: 'embed_key', id: keyId },
          details: { ref, name: row.name },
        });
      });
      await changed();
    },
    async find(embedKey) {
      if (!/^pk_(live|test)_[0-9A-Za-z]{32}$/.test(embedKey)) return null;
      const row = await database
        .selectFrom('embed_keys')
        .innerJoin('projects', 'projects.id', 'embed_keys.project_id')
        .innerJoin('orgs', 'orgs.id', 'embed_keys.org_id')
        .where('embed_keys.embed_key', '=', embedKey)
        .where('embed_keys.revoked_at', 'is', null)
        .where('projects.deleted_at', 'is', null)
        .where('orgs.deleted_at', 'is', null)
        .where('orgs.suspended_at', 'is', null)
        .selectAll('embed_keys')
        .select('projects.ref')
        .executeTakeFirst();
      return row ?? null;
    },
  };
}

const KEY_CHARS = 32;

/** Has the nodes hear of the origins of the project's keys, for their answers to preflights. */
async function tellOrigins(tx: Tx, projectId: string): Promise<void> {
  const revision = await nextRevision(tx);
  await tx.updateTable('projects').set({ revision }).where('id', '=', projectId).execute();
}

function shown(row: EmbedKeyRow): EmbedKeyView {
  return {
    id: row.id,
    embed_key: row.embed_key,
    name: row.name,
    mode: row.mode,
    allowed_origins: row.allowed_origins,
    scopes: row.scopes,
    verified_only: row.verified_only,
    created_by: row.created_by,
    created_at: isoTime(row.created_at),
    revoked_at: row.revoked_at && isoTime(row.revoked_at),
  };
}
