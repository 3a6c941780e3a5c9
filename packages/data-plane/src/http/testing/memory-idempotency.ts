import type { Caller, Remember } from '../../sessions/port.ts';
import type { Begun, IdempotencyScope, IdempotencyStore } from '../idempotency.ts';

interface Row {
  digest: string;
  done: { objectId: string; status: number } | null;
}

/** Idempotency keys in memory, completed by {@link MemorySessions} as the database's are. */
export class MemoryIdempotency implements IdempotencyStore {
  readonly rows = new Map<string, Row>();

  async begin(scope: IdempotencyScope, bodyDigest: string): Promise<Begun> {
    const row = this.rows.get(nameOf(scope));
    if (row === undefined) {
      this.rows.set(nameOf(scope), { digest: bodyDigest, done: null });
      return { state: 'fresh' };
    }
    if (row.digest !== bodyDigest) return { state: 'conflict' };
    return row.done === null ? { state: 'pending' } : { state: 'done', ...row.done };
  }

  async complete(scope: IdempotencyScope, objectId: string, status: number): Promise<void> {
    const row = this.rows.get(nameOf(scope));
    if (row) row.done = { objectId, status };
  }

  async abandon(scope: IdempotencyScope): Promise<void> {
    if (this.rows.get(nameOf(scope))?.done === null) this.rows.delete(nameOf(scope));
  }

  remember<T>(caller: Caller, remember: Remember<T> | undefined, made: T): void {
    if (remember === undefined) return;
    const { orgId, id: principalId } = caller.principal;
    const row = this.rows.get(nameOf({ orgId, principalId, ...remember }));
    if (row) row.done = { objectId: remember.objectIdOf(made), status: remember.status };
  }
}

function nameOf({ orgId, principalId, route, key }: IdempotencyScope): string {
  return JSON.stringify([orgId, principalId, route, key]);
}
