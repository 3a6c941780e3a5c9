import {
  isoTime,
  KartaError,
  newId,
  type ProviderKey,
  type ProviderKeyList,
  type ProviderKeySettings,
  type SetProviderKeyBody,
} from '@karta/protocol';
import { sql } from 'kysely';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { Database, Tx } from '../sql/database.ts';
import { emitWebhooks } from '../webhooks/emit-webhook.ts';
import { checkedEndpoint, type EndpointRules, refusedUrl } from '../webhooks/endpoint-address.ts';
import { ownKeyRules } from './key-rules.ts';
import type { KmsPort } from './kms.ts';
import { lastFourOf } from './last-four.ts';
import { openSecret, type SecretParts, sealSecret } from './sealed-secret.ts';
import type { ProviderKeyRow } from './tables.ts';

export interface ProviderKeysParts {
  database: Database;
  kms: KmsPort;
  /** Where servers of compatible wire formats may be. */
  rules: EndpointRules;
  /** Called when the keys of an org are others; resolves when the doors have heard of it, or will not. */
  changed(orgId: string): Promise<void>;
}

/** An active key, opened. */
export interface OpenedKey {
  id: string;
  provider: string;
  secret: SecretParts;
}

/**
 * The keys of model providers that orgs bring: one active one of each provider. What was written is
 * told to the doors alone. Foreign and absent ones are `KartaError('not_found')` alike.
 */
export class ProviderKeys {
  readonly #parts: ProviderKeysParts;

  constructor(parts: ProviderKeysParts) {
    this.#parts = parts;
  }

  /**
   * Makes this the active key of its provider; the one before is destroyed. Throws `KartaError`:
   * `validation_failed` for a base URL that is not public, `forbidden` for a test key.
   */
  async set(actor: OrgActor, body: SetProviderKeyBody): Promise<ProviderKey> {
    requireLive(actor);
    const { database, kms, rules } = this.#parts;
    const { orgId } = actor;
    const { provider } = body;
    const baseUrl = 'base_url' in body ? await baseUrlOf(body.base_url, rules) : null;
    const owner = { id: newId('provider_key'), org_id: orgId, provider };
    const sealed = await sealSecret(kms, owner, partsOf(body));
    const row = await database.transaction().execute(async (tx) => {
      await lockKeys(tx, orgId);
      const replaced = await destroy(tx, orgId, { provider });
      const inserted = await tx
        .insertInto('provider_keys')
        .values({
          ...owner,
          ...sealed,
          last_four: lastFourOf(body),
          base_url: baseUrl,
          created_at: new Date(),
          created_by: actor.label,
          destroyed_at: null,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      const about = (id: string) => ({ provider_key_id: id, provider });
      await emitWebhooks(tx, [
        { orgId, type: 'provider_key.created', data: about(owner.id) },
        ...(replaced === null
          ? []
          : [{ orgId, type: 'provider_key.destroyed' as const, data: about(replaced.id) }]),
      ]);
      await recordAudit(tx, {
        actor,
        action: 'provider_keys.set',
        target: { kind: 'provider_key', id: owner.id },
        details: { provider, last_four: inserted.last_four, replaced: replaced?.id ?? null },
      });
      return inserted;
    });
    await this.#parts.changed(orgId);
    return shown(row);
  }

  async list(orgId: string): Promise<ProviderKeyList> {
    const { database } = this.#parts;
    const rows = await database
      .selectFrom('provider_keys')
      .selectAll()
      .where('org_id', '=', orgId)
      .where('destroyed_at', 'is', null)
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    const { platform_fallback } = await ownKeyRules(database, orgId);
    return { provider_keys: rows.map(shown), platform_fallback };
  }

  async get(orgId: string, id: string): Promise<ProviderKey> {
    return shown(await this.#find(orgId, id));
  }

  /** Destroys a key: from now on nobody can read it, and no call is made with it. */
  async remove(actor: OrgActor, id: string): Promise<void> {
    requireLive(actor);
    const { orgId } = actor;
    await this.#parts.database.transaction().execute(async (tx) => {
      const row = await destroy(tx, orgId, { id });
      if (row === null) throw absent();
      const { provider } = row;
      const data = { provider_key_id: id, provider };
      await emitWebhooks(tx, [{ orgId, type: 'provider_key.destroyed', data }]);
      const target = { kind: 'provider_key', id };
      await recordAudit(tx, {
        actor,
        action: 'provider_keys.destroy',
        target,
        details: { provider },
      });
    });
    await this.#parts.changed(orgId);
  }

  async changeSettings(actor: OrgActor, settings: ProviderKeySettings): Promise<ProviderKeyList> {
    requireLive(actor);
    const { orgId } = actor;
    await this.#parts.database.transaction().execute(async (tx) => {
      await tx
        .insertInto('provider_key_settings')
        .values({ org_id: orgId, ...settings })
        .onConflict((conflict) => conflict.column('org_id').doUpdateSet(settings))
        .execute();
      await recordAudit(tx, {
        actor,
        action: 'provider_keys.settings',
        target: { kind: 'org', id: orgId },
        details: settings,
      });
    });
    await this.#parts.changed(orgId);
    return this.list(orgId);
  }

  /** The active key with its secret, for the doors; `null` when the org has none, is suspended or deleted. */
  async open(orgId: string, provider: string): Promise<OpenedKey | null> {
    const { database, kms } = this.#parts;
    const row = await database
      .selectFrom('provider_keys')
      .innerJoin('orgs', 'orgs.id', 'provider_keys.org_id')
      .selectAll('provider_keys')
      .where('provider_keys.org_id', '=', orgId)
      .where(sql<boolean>`provider_keys.provider = ${provider}`)
      .where('provider_keys.destroyed_at', 'is', null)
      .where('orgs.suspended_at', 'is', null)
      .where('orgs.deleted_at', 'is', null)
      .executeTakeFirst();
    if (row === undefined) return null;
    const parts = await openSecret(kms, row);
    const secret = row.base_url === null ? parts : { ...parts, base_url: row.base_url };
    return { id: row.id, provider: row.provider, secret };
  }

  async #find(orgId: string, id: string): Promise<ProviderKeyRow> {
    const row = await this.#parts.database
      .selectFrom('provider_keys')
      .selectAll()
      .where('org_id', '=', orgId)
      .where('id', '=', id)
      .where('destroyed_at', 'is', null)
      .executeTakeFirst();
    if (row === undefined) throw absent();
    return row;
  }
}

/** Of two that set a key at once the later one waits, and replaces the other's. */
async function lockKeys(tx: Tx, orgId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`provider keys ${orgId}`}, 0))`.execute(
    tx,
  );
}

/** Leaves nothing of an active key but its name; `null` when there is none. */
async function destroy(
  tx: Tx,
  orgId: string,
  which: { id: string } | { provider: ProviderKeyRow['provider'] },
): Promise<ProviderKeyRow | null> {
  let update = tx
    .updateTable('provider_keys')
    .set({ sealed: null, wrapped_key: null, kek_id: null, destroyed_at: new Date() })
    .where('org_id', '=', orgId)
    .where('destroyed_at', 'is', null);
  update =
    'id' in which
      ? update.where('id', '=', which.id)
      : update.where('provider', '=', which.provider);
  return (await update.returningAll().executeTakeFirst()) ?? null;
}

/** A test key makes and changes test objects only; calls with a provider's key are never tests. */
function requireLive({ mode }: OrgActor): void {
  if (mode !== 'test') return;
  throw new KartaError('forbidden', 'A test key cannot change provider keys: use a live one.');
}

/** What is sealed. What was left out is no part of it. */
function partsOf(body: SetProviderKeyBody): SecretParts {
  const responses = 'responses' in body && body.responses === true;
  const parts = { ...body.secret, ...(responses ? { apis: 'chat,responses' } : {}) };
  return Object.fromEntries(
    Object.entries(parts).filter((part): part is [string, string] => part[1] !== undefined),
  );
}

/** Nothing can be appended to a query, and a slash at the end would stand twice. */
async function baseUrlOf(text: string, rules: EndpointRules): Promise<string> {
  const url = new URL(await checkedEndpoint(text, rules, '/base_url'));
  if (url.search !== '') throw refusedUrl('/base_url', 'must not have a query');
  return url.href.replace(/\/+$/, '');
}

function absent(): KartaError {
  return new KartaError('not_found', 'There is no such provider key.');
}

function shown(row: ProviderKeyRow): ProviderKey {
  const { id, provider, last_four, base_url, created_at, created_by } = row;
  return { id, provider, last_four, base_url, created_at: isoTime(created_at), created_by };
}
