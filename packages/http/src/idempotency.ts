import { setTimeout as delay } from 'node:timers/promises';
import { KartaError, LIMITS } from '@karta/protocol';

/** Whose key, for what: the same key of another principal or route is another key. */
export interface IdempotencyScope {
  orgId: string;
  principalId: string;
  /** The operation and the object it is applied to. */
  route: string;
  /** The client's `Idempotency-Key`. */
  key: string;
}

/** What a store knows of a key. */
export type Begun =
  /** Nobody used it before (or who did died long ago): go on, then `complete` or `abandon`. */
  | { state: 'fresh' }
  /** The first request with this key is still at work. */
  | { state: 'pending' }
  /** Done before; `objectId` says what came of it. */
  | { state: 'done'; objectId: string; status: number }
  /** Used before with another body. */
  | { state: 'conflict' };

/** Remembers keys for `LIMITS.idempotencyMs`: a digest, a status and an object's id, never a body. */
export interface IdempotencyStore {
  begin(scope: IdempotencyScope, bodyDigest: string): Promise<Begun>;
  complete(scope: IdempotencyScope, objectId: string, status: number): Promise<void>;
  /** Forgets a key whose request made nothing; a completed one stays. */
  abandon(scope: IdempotencyScope): Promise<void>;
}

/** How long a repeated request waits for the first one before it is told to come back. */
const PENDING_WAIT_MS = 10_000;
const PENDING_POLL_MS = 25;

/** The key of a request, or `null`. Throws `KartaError('invalid_request')` when it cannot be one. */
export function idempotencyKeyOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  if (/^[\x21-\x7e]+$/.test(header) && header.length <= LIMITS.idempotencyKeyChars) return header;
  throw new KartaError(
    'invalid_request',
    `Idempotency-Key must be 1 to ${LIMITS.idempotencyKeyChars} visible ASCII characters.`,
  );
}

/** Work that a repeated request must not do again. */
export interface OnceOnly<T> {
  /** Does it, and has the key completed with what came of it. */
  first(): Promise<T>;
  /** Answers from what the first one made. */
  again(objectId: string, status: number): Promise<T>;
}

/**
 * Does `work` once per key, whatever is repeated and however close together. Throws `KartaError`
 * (`idempotency_conflict`) for another body under the same key. A request that fails gives its key
 * back, unless it was completed.
 */
export async function onceOnly<T>(
  store: IdempotencyStore,
  scope: IdempotencyScope | null,
  bodyDigest: string,
  work: OnceOnly<T>,
): Promise<T> {
  if (scope === null) return work.first();
  const begun = await beginSettled(store, scope, bodyDigest);
  if (begun !== null) return work.again(begun.objectId, begun.status);
  try {
    return await work.first();
  } catch (error) {
    await store.abandon(scope);
    throw error;
  }
}

/** `null` when the work is to be done now, else what came of it before. */
async function beginSettled(
  store: IdempotencyStore,
  scope: IdempotencyScope,
  bodyDigest: string,
): Promise<{ objectId: string; status: number } | null> {
  const deadline = Date.now() + PENDING_WAIT_MS;
  for (;;) {
    const begun = await store.begin(scope, bodyDigest);
    switch (begun.state) {
      case 'fresh':
        return null;
      case 'done':
        return begun;
      case 'conflict':
        throw new KartaError('idempotency_conflict');
      case 'pending':
        if (Date.now() > deadline) {
          throw new KartaError('session_busy', 'The first request with this key is still at work.');
        }
        await delay(PENDING_POLL_MS);
    }
  }
}
