import type { Kysely } from 'kysely';

/** The table of keys, which each plane has for itself. */
export interface IdempotencyTables {
  idempotency_keys: {
    org_id: string;
    principal_id: string;
    route: string;
    key: string;
    body_digest: string;
    /** `null`, as is `object_id`, while the first request is at work. */
    status: number | null;
    object_id: string | null;
    begun_at: Date;
    expires_at: Date;
  };
}

/** Whose key, for what: the same key of another principal or route is another key. */
export interface KeyScope {
  orgId: string;
  principalId: string;
  route: string;
  key: string;
}

/** A database, or a transaction of one, with more tables than these, seen as one with these. */
function keysOf<T extends IdempotencyTables>(database: Kysely<T>): Kysely<IdempotencyTables> {
  // Kysely is invariant in its tables, though whoever has more of them has these too.
  return database as unknown as Kysely<IdempotencyTables>;
}

/** What is known of a key; see `IdempotencyStore` of the HTTP layer, which this implements. */
export type KeyState =
  | { state: 'fresh' }
  | { state: 'pending' }
  | { state: 'done'; objectId: string; status: number }
  | { state: 'conflict' };

/** A first request that is silent for this long has died, and its key is free. */
const PENDING_MS = 15 * 60 * 1000;

/** Idempotency keys on disk: a digest of the body, a status and an object's id, never a body. */
export class IdempotencyKeys<T extends IdempotencyTables> {
  readonly #database: Kysely<IdempotencyTables>;
  readonly #rememberMs: number;

  /** Keys are remembered for `rememberMs` milliseconds. */
  constructor(database: Kysely<T>, rememberMs: number) {
    this.#database = keysOf(database);
    this.#rememberMs = rememberMs;
  }

  /** Claims a key that nobody holds, or tells what is known of it. Of several at once one claims it. */
  async begin(scope: KeyScope, bodyDigest: string): Promise<KeyState> {
    const now = Date.now();
    const fresh = {
      body_digest: bodyDigest,
      status: null,
      object_id: null,
      begun_at: new Date(now),
      expires_at: new Date(now + this.#rememberMs),
    };
    const claimed = await this.#database
      .insertInto('idempotency_keys')
      .values({ ...columnsOf(scope), ...fresh })
      .onConflict((conflict) =>
        conflict
          .columns(['org_id', 'principal_id', 'route', 'key'])
          .doUpdateSet(fresh)
          .where(({ and, eb, or }) =>
            or([
              eb('idempotency_keys.expires_at', '<=', new Date(now)),
              and([
                eb('idempotency_keys.object_id', 'is', null),
                eb('idempotency_keys.begun_at', '<=', new Date(now - PENDING_MS)),
              ]),
            ]),
          ),
      )
      .returning('key')
      .executeTakeFirst();
    if (claimed !== undefined) return { state: 'fresh' };
    const known = await this.#where(scope);
    // It was given up between the two statements: as if it had been there the whole time.
    if (known === undefined) return { state: 'pending' };
    if (known.body_digest !== bodyDigest) return { state: 'conflict' };
    if (known.object_id === null || known.status === null) return { state: 'pending' };
    return { state: 'done', objectId: known.object_id, status: known.status };
  }

  async complete(scope: KeyScope, objectId: string, status: number): Promise<void> {
    await completeKey(this.#database, scope, objectId, status);
  }

  /** Forgets a key whose request made nothing. */
  async abandon(scope: KeyScope): Promise<void> {
    const { org_id, principal_id, route, key } = columnsOf(scope);
    await this.#database
      .deleteFrom('idempotency_keys')
      .where('org_id', '=', org_id)
      .where('principal_id', '=', principal_id)
      .where('route', '=', route)
      .where('key', '=', key)
      .where('object_id', 'is', null)
      .execute();
  }

  /** At a start: requests that were at work have died with the process before. */
  async forgetPending(): Promise<void> {
    await this.#database.deleteFrom('idempotency_keys').where('object_id', 'is', null).execute();
  }

  async sweep(): Promise<void> {
    await this.#database
      .deleteFrom('idempotency_keys')
      .where('expires_at', '<=', new Date())
      .execute();
  }

  #where(scope: KeyScope) {
    const { org_id, principal_id, route, key } = columnsOf(scope);
    return this.#database
      .selectFrom('idempotency_keys')
      .selectAll()
      .where('org_id', '=', org_id)
      .where('principal_id', '=', principal_id)
      .where('route', '=', route)
      .where('key', '=', key)
      .executeTakeFirst();
  }
}

/** Says what came of a key's first request. What is said already stays. */
export async function completeKey<T extends IdempotencyTables>(
  database: Kysely<T>,
  scope: KeyScope,
  objectId: string,
  status: number,
): Promise<void> {
  const { org_id, principal_id, route, key } = columnsOf(scope);
  await keysOf(database)
    .updateTable('idempotency_keys')
    .set({ object_id: objectId, status })
    .where('org_id', '=', org_id)
    .where('principal_id', '=', principal_id)
    .where('route', '=', route)
    .where('key', '=', key)
    .where('object_id', 'is', null)
    .execute();
}

function columnsOf(scope: KeyScope) {
  return {
    org_id: scope.orgId,
    principal_id: scope.principalId,
    route: scope.route,
    key: scope.key,
  };
}
