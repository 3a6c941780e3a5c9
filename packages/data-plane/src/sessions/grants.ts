import type { Database } from '../sql/index.ts';
import { cleanName } from './clean.ts';
import { digestOf } from './digest.ts';

/** What a grant covers: a tool with the harness's rule, or with this exact input. */
export function grantDigest(tool: string, rule: string | null, inputDigest: string): string {
  return rule === null ? digestOf('input', tool, inputDigest) : digestOf('rule', tool, rule);
}

/** The grants of a session, by digest. */
export async function loadGrants(database: Database, sessionId: string): Promise<Set<string>> {
  const rows = await database
    .selectFrom('grants')
    .select('digest')
    .where('session_id', '=', sessionId)
    .execute();
  return new Set(rows.map((row) => row.digest));
}

/** Remembers an approval for the rest of the session. */
export async function storeGrant(
  database: Database,
  sessionId: string,
  grant: { digest: string; tool: string; rule: string | null; by: string },
): Promise<void> {
  await database
    .insertInto('grants')
    .values({
      session_id: sessionId,
      digest: grant.digest,
      tool: cleanName(grant.tool),
      rule: cleanName(grant.rule ?? 'this exact input'),
      granted_by: grant.by,
      created_at: new Date(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
