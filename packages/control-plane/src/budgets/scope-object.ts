import { type CreateBudgetBody, KartaError } from '@karta/protocol';
import type { Tx } from '../sql/database.ts';

/**
 * The id of the one object that a budget or limit is to be on: of the org itself, of a project by its ref, of
 * a key that exists. End users and sessions are known to the nodes only: their ids are taken as they
 * are. `null`: each object. Throws `KartaError('validation_failed')`.
 */
export async function scopeObject(
  tx: Tx,
  orgId: string,
  { scope, scope_id: given }: Pick<CreateBudgetBody, 'scope' | 'scope_id'>,
): Promise<string | null> {
  if (scope === 'org') return orgId;
  if (given === null || given === undefined) return null;
  switch (scope) {
    case 'project': {
      const found = await tx
        .selectFrom('projects')
        .select('id')
        .where('org_id', '=', orgId)
        .where('deleted_at', 'is', null)
        .where((eb) => eb.or([eb('ref', '=', given), eb('id', '=', given)]))
        .executeTakeFirst();
      return found?.id ?? unknown('project', given);
    }
    case 'api_key':
    case 'embed_key': {
      const found = await tx
        .selectFrom(scope === 'api_key' ? 'api_keys' : 'embed_keys')
        .select('id')
        .where('org_id', '=', orgId)
        .where('id', '=', given)
        .executeTakeFirst();
      return found?.id ?? unknown(scope === 'api_key' ? 'API key' : 'embed key', given);
    }
    default:
      return given;
  }
}

function unknown(what: string, given: string): never {
  throw invalid('/scope_id', `names no ${what} of this org: ${given}`);
}

/** A 422 about one field. */
export function invalid(pointer: string, message: string): KartaError {
  return new KartaError('validation_failed', `${pointer.slice(1)} ${message}.`, {
    extra: { errors: [{ pointer, message }] },
  });
}
