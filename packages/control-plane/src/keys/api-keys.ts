import type { IdempotencyScope } from '@karta/http';
import { completeKey } from '@karta/postgres';
import {
  type ApiKeyView,
  type CreatedApiKey,
  type createApiKeyBody,
  isoTime,
  KartaError,
  newId,
} from '@karta/protocol';
import { keyDigest, keyPrefix, mintApiKey } from '@karta/service/home';
import type { z } from 'zod';
import { type AuditActor, recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { Database, Tx } from '../sql/database.ts';
import { newestFirst, type PageAsked } from '../sql/newest-first.ts';
import { emitWebhook } from '../webhooks/emit-webhook.ts';
import { deny } from './denials.ts';
import type { ApiKeyRow } from './tables.ts';

/** API keys of an org. A key is shown once, by the answer that creates it. */
export interface ApiKeys {
  /** `KartaError('forbidden')` when a test key would make a live one. */
  create(
    actor: OrgActor,
    body: z.output<typeof createApiKeyBody>,
    once: IdempotencyScope | null,
  ): Promise<CreatedApiKey>;
  /** Newest first; revoked ones too. */
  list(orgId: string, page: PageAsked): Promise<{ keys: ApiKeyView[]; nextCursor: string | null }>;
  /** Refuses the key, and what was minted with it, from now on. `KartaError('not_found')`. */
  revoke(actor: OrgActor, keyId: string): Promise<void>;
}

export interface ApiKeysParts {
  database: Database;
  pepper: Buffer;
  /** Resolves when the nodes have heard that something changed, or after a moment. */
  changed(): Promise<void>;
}

export function createApiKeys({ database, pepper, changed }: ApiKeysParts): ApiKeys {
  return {
    create: (actor, body, once) =>
      database.transaction().execute(async (tx) => {
        if (actor.mode === 'test' && body.mode !== 'test') {
          throw new KartaError('forbidden', 'A test key may create test keys only.');
        }
        const secret = mintApiKey(body.mode);
        const row = await insertKey(tx, pepper, secret, { ...body, orgId: actor.orgId }, actor);
        if (once !== null) await completeKey(tx, once, row.id, 201);
        return { ...shown(row), api_key: secret };
      }),
    async list(orgId, asked) {
      const all = database.selectFrom('api_keys').selectAll().where('org_id', '=', orgId);
      const { page, nextCursor } = await newestFirst(all, 'key', asked);
      return { keys: page.map(shown), nextCursor };
    },
    async revoke(actor, keyId) {
      await database.transaction().execute(async (tx) => {
        let query = tx
          .updateTable('api_keys')
          .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(new Date())) }))
          .where('id', '=', keyId)
          .where('org_id', '=', actor.orgId);
        if (actor.mode !== undefined) query = query.where('mode', '=', actor.mode);
        const row = await query.returningAll().executeTakeFirst();
        if (row === undefined) throw new KartaError('not_found', 'There is no such key.');
        // Nodes would ask in a few seconds anyway; a token minted with it lives for minutes.
        await deny(tx, { kind: 'api_key', id: keyId, orgId: actor.orgId, forMs: DENIED_KEY_MS });
        await emitWebhook(tx, {
          orgId: actor.orgId,
          type: 'key.revoked',
          data: { key_id: keyId },
        });
        await recordAudit(tx, {
          actor,
          action: 'keys.revoke',
          target: { kind: 'api_key', id: keyId },
          details: { name: row.name, prefix: row.prefix },
        });
      });
      await changed();
    },
  };
}

/** Longer than any node may take a key for good without asking, in milliseconds. */
export const DENIED_KEY_MS = 24 * 60 * 60 * 1000;

/** A row for `secret`, with its audit row. */
export async function insertKey(
  tx: Tx,
  pepper: Buffer,
  secret: string,
  key: Pick<ApiKeyRow, 'name' | 'mode' | 'scopes'> & { orgId: string },
  actor: AuditActor,
): Promise<ApiKeyRow> {
  const row = await tx
    .insertInto('api_keys')
    .values({
      id: newId('key'),
      org_id: key.orgId,
      name: key.name,
      mode: key.mode,
      prefix: keyPrefix(secret),
      digest: keyDigest(secret, pepper),
      scopes: [...new Set(key.scopes)],
      created_by: actor.label,
      created_at: new Date(),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await emitWebhook(tx, {
    orgId: key.orgId,
    type: 'key.created',
    data: { key_id: row.id, scopes: row.scopes, mode: row.mode },
  });
  await recordAudit(tx, {
    actor,
    action: 'keys.create',
    target: { kind: 'api_key', id: row.id },
    details: { name: row.name, prefix: row.prefix, mode: row.mode, scopes: row.scopes },
  });
  return row;
}

function shown(row: ApiKeyRow): ApiKeyView {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    mode: row.mode,
    scopes: row.scopes,
    created_by: row.created_by,
    created_at: isoTime(row.created_at),
    last_used_at: row.last_used_at && isoTime(row.last_used_at),
    revoked_at: row.revoked_at && isoTime(row.revoked_at),
  };
}
