import { KartaError, type PatchSessionBody } from '@karta/protocol';
import type { SessionRow } from '../sql/index.ts';
import type { Engine } from './engine.ts';
import { withMetadata } from './open-session.ts';
import type { Caller } from './port.ts';
import { releaseOf, requireAgent } from './release-of.ts';
import { requireLiving, requireSession } from './session-store.ts';

/** Changes what a caller may change of a session; each field that is absent stays. */
export async function patchSession(
  engine: Engine,
  caller: Caller,
  sessionId: string,
  body: PatchSessionBody,
): Promise<SessionRow> {
  const { current_agent: agent, permission_mode: mode } = body;
  const seen = await requireSession(engine.database, caller, sessionId);
  if (mode !== undefined && caller.principal.kind !== 'api_key') {
    throw new KartaError('forbidden', 'permission_mode needs an API key.');
  }
  if (agent !== undefined) await requireAgent(engine, await releaseOf(engine, seen), agent);
  return engine.database.transaction().execute(async (transaction) => {
    const row = await requireSession(transaction, caller, sessionId, { lock: true });
    requireLiving(row);
    const merged = await withMetadata(transaction, row, body.metadata ?? {});
    if (agent === undefined && mode === undefined) return merged;
    return transaction
      .updateTable('sessions')
      .set({
        ...(agent === undefined ? {} : { current_agent: agent }),
        ...(mode === undefined ? {} : { permission_mode: mode }),
        updated_at: new Date(),
      })
      .where('id', '=', row.id)
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}
