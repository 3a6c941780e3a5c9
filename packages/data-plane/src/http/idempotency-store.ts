import { LIMITS } from '@karta/protocol';
import type { Database } from '../sql/index.ts';
import type { Begun, IdempotencyScope, IdempotencyStore } from './idempotency.ts';

/** A request that is at work for longer has died with its server; its key may be used anew. */
const AT_WORK_MS = 60_000;

/** Keys in the data plane's database, so that they outlive the process. */
export function createIdempotencyStore(database: Database): IdempotencyStore {
  return {
    async begin(scope, bodyDigest) {
      if (await claim(database, scope, bodyDigest)) return { state: 'fresh' };
      const known = await matching(database, scope);
      // Whoever held the key has given it up meanwhile.
      if (known === undefined) return { state: 'pending' };
      return begunOf(known, bodyDigest);
    },
    async complete(scope, objectId, status) {
      await database
        .updateTable('idempotency_keys')
        .set({ object_id: objectId, status })
        .where((eb) => eb.and(columns(scope)))
        .execute();
    },
    async abandon(scope) {
      await database
        .deleteFrom('idempotency_keys')
        .where((eb) => eb.and(columns(scope)))
        .where('status', 'is', null)
        .execute();
    },
  };
}

/** Forgets keys that are over; returns how many. */
export async function sweepIdempotencyKeys(database: Database): Promise<number> {
  const result = await database
    .deleteFrom('idempotency_keys')
    .where('expires_at', '<', new Date())
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}

/** Takes a key that nobody has, or whose record is over. One statement: only one request wins. */
async function claim(
  database: Database,
  scope: IdempotencyScope,
  bodyDigest: string,
): Promise<boolean> {
  const fresh = {
    body_digest: bodyDigest,
    status: null,
    object_id: null,
    begun_at: new Date(),
    expires_at: new Date(Date.now() + LIMITS.idempotencyMs),
  };
  const claimed = await database
    .insertInto('idempotency_keys')
    .values({ ...columns(scope), ...fresh })
    .onConflict((conflict) =>
      conflict
        .columns(['org_id', 'principal_id', 'route', 'key'])
        .doUpdateSet(fresh)
        .where((eb) =>
          eb.or([
            eb('idempotency_keys.expires_at', '<', new Date()),
            eb.and([
              eb('idempotency_keys.status', 'is', null),
              eb('idempotency_keys.begun_at', '<', new Date(Date.now() - AT_WORK_MS)),
            ]),
          ]),
        ),
    )
    .returning('key')
    .executeTakeFirst();
  return claimed !== undefined;
}

function matching(database: Database, scope: IdempotencyScope) {
  return database
    .selectFrom('idempotency_keys')
    .select(['body_digest', 'status', 'object_id'])
    .where((eb) => eb.and(columns(scope)))
    .executeTakeFirst();
}

function begunOf(
  known: { body_digest: string; status: number | null; object_id: string | null },
  bodyDigest: string,
): Begun {
  if (known.body_digest !== bodyDigest) return { state: 'conflict' };
  if (known.status === null || known.object_id === null) return { state: 'pending' };
  return { state: 'done', objectId: known.object_id, status: known.status };
}

function columns(scope: IdempotencyScope) {
  return {
    org_id: scope.orgId,
    principal_id: scope.principalId,
    route: scope.route,
    key: scope.key,
  };
}
