import {
  type IdempotencyScope,
  type IdempotencyStore,
  idempotencyKeyOf,
  onceOnly,
} from '@karta/http';
import { KartaError } from '@karta/protocol';
import { json } from './route.ts';

/** What of a call tells whether it is a repeated one. */
interface RepeatableCall {
  caller: { orgId: string; id: string };
  context: { req: { header(name: string): string | undefined } };
  bodyDigest: string;
}

/**
 * Makes what shows a secret, once for each `Idempotency-Key`, and answers 201. `make` completes the
 * key in its own transaction. A repeated request is answered 409 `already_created` with the id of
 * what was made, on `route`: the name of the operation and of the object that it is applied to.
 */
export function shownOnce(
  idempotency: IdempotencyStore,
  call: RepeatableCall,
  route: string,
  make: (scope: IdempotencyScope | null) => Promise<object>,
  status = 201,
): Promise<Response> {
  const key = idempotencyKeyOf(call.context.req.header('idempotency-key'));
  const { orgId, id: principalId } = call.caller;
  const scope = key === null ? null : { orgId, principalId, route, key };
  return onceOnly(idempotency, scope, call.bodyDigest, {
    first: async () => json(status, await make(scope)),
    async again(id) {
      throw new KartaError('already_created', undefined, { extra: { id } });
    },
  });
}
