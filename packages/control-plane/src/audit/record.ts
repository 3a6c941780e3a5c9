import { createHash } from 'node:crypto';
import { AUDIT_GENESIS, type AuditEvent, auditEventText, isoTime, newId } from '@karta/protocol';
import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';

/** Whose log it is when the operator does something to the server itself. */
export const PLATFORM_ORG = 'platform';

/** Who did it. A person or API key acting within its org, an operator, or the server itself. */
export interface AuditActor {
  kind: AuditEvent['actor']['kind'];
  id: string;
  /** The org whose log it stands in. */
  orgId: string;
  label: string;
}

export interface AuditEntry {
  actor: AuditActor;
  /** A noun and a verb, for example `keys.create`. */
  action: string;
  target: { kind: string; id: string };
  /** JSON, without a secret and without what people said. */
  details?: Record<string, unknown>;
}

/**
 * Appends to the org's audit log, in the transaction of the change itself: both are there or
 * neither. Until that transaction ends, other changes of the org wait: call it last.
 */
export async function recordAudit(tx: Tx, entry: AuditEntry): Promise<void> {
  const { actor, action, target } = entry;
  const head = await lockHead(tx, actor.orgId);
  const at = new Date();
  const event: AuditEvent = {
    org_id: actor.orgId,
    seq: head.seq + 1,
    id: newId('audit_event'),
    at: isoTime(at),
    actor: { kind: actor.kind, id: actor.id, label: actor.label },
    action,
    target: { kind: target.kind, id: target.id },
    details: JSON.parse(JSON.stringify(entry.details ?? {})),
    prev_hash: head.hash,
    hash: '',
  };
  event.hash = createHash('sha256').update(auditEventText(event)).digest('hex');
  await sql`
    with appended as (
      insert into audit_events (org_id, seq, id, at, actor_kind, actor_id, actor_label, action,
        target_kind, target_id, details, prev_hash, hash)
      values (${event.org_id}, ${event.seq}, ${event.id}, ${at}, ${actor.kind}, ${actor.id},
        ${actor.label}, ${action}, ${target.kind}, ${target.id},
        ${JSON.stringify(event.details)}::jsonb, ${event.prev_hash}, ${event.hash})
    )
    update audit_heads set seq = ${event.seq}, hash = ${event.hash} where org_id = ${event.org_id}
  `.execute(tx);
}

/** The end of the org's chain, locked. The first event of an org makes its row. */
async function lockHead(tx: Tx, orgId: string): Promise<{ seq: number; hash: string }> {
  const { rows } = await sql<{ seq: string; hash: string }>`
    insert into audit_heads (org_id, seq, hash) values (${orgId}, 0, ${AUDIT_GENESIS})
    on conflict (org_id) do update set seq = audit_heads.seq
    returning seq, hash
  `.execute(tx);
  const [head] = rows;
  if (!head) throw new Error(`no audit head of ${orgId}`);
  return { seq: Number(head.seq), hash: head.hash };
}
