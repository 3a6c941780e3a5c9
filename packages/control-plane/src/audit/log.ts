import { type AuditEvent, type AuditLine, type AuditQuery, isoTime } from '@karta/protocol';
import type { Database } from '../sql/database.ts';
import type { AuditHeads } from './heads.ts';
import type { AuditEventRow } from './tables.ts';

const PAGE = 100;
/** Events read at once for an export: a slow reader holds no more of them. */
const EXPORT_BATCH = 500;

/** Reading the audit log of an org. Writing is `recordAudit`. */
export interface AuditLog {
  /** The newest first, of those that the query names. */
  list(
    orgId: string,
    query: AuditQuery,
  ): Promise<{ events: AuditEvent[]; next_cursor: string | null }>;
  /** Every event in its order from number `from`, then the signed head, each as it is pulled. */
  export(orgId: string, from: number): AsyncGenerator<AuditLine>;
}

export function createAuditLog(database: Database, heads: AuditHeads): AuditLog {
  return {
    async list(orgId, query) {
      const limit = query.limit ?? PAGE;
      let rows = database.selectFrom('audit_events').where('org_id', '=', orgId).selectAll();
      const { action, actor, target, since, until, cursor } = query;
      if (action !== undefined) rows = rows.where('action', '=', action);
      if (target !== undefined) rows = rows.where('target_id', '=', target);
      if (since !== undefined) rows = rows.where('at', '>=', new Date(since));
      if (until !== undefined) rows = rows.where('at', '<', new Date(until));
      if (cursor !== undefined) rows = rows.where('seq', '<', cursor);
      if (actor !== undefined) {
        rows = rows.where((eb) =>
          eb.or([eb('actor_id', '=', actor), eb('actor_label', '=', actor)]),
        );
      }
      const found = await rows
        .orderBy('seq', 'desc')
        .limit(limit + 1)
        .execute();
      const events = found.slice(0, limit).map(shown);
      const more = found.length > limit;
      return { events, next_cursor: more ? String(events.at(-1)?.seq) : null };
    },
    async *export(orgId, from) {
      // What comes after this head is not part of the export, so the head closes it.
      const head = await heads.current(orgId);
      let next = from;
      while (next <= head.seq) {
        const rows = await database
          .selectFrom('audit_events')
          .where('org_id', '=', orgId)
          .where('seq', '>=', String(next))
          .where('seq', '<=', String(head.seq))
          .selectAll()
          .orderBy('seq')
          .limit(EXPORT_BATCH)
          .execute();
        if (rows.length === 0) break;
        for (const row of rows) yield { kind: 'event', event: shown(row) };
        next = Number(rows.at(-1)?.seq) + 1;
      }
      yield { kind: 'head', head };
    },
  };
}

function shown(row: AuditEventRow): AuditEvent {
  return {
    org_id: row.org_id,
    seq: Number(row.seq),
    id: row.id,
    at: isoTime(row.at),
    actor: { kind: row.actor_kind, id: row.actor_id, label: row.actor_label },
    action: row.action,
    target: { kind: row.target_kind, id: row.target_id },
    details: row.details,
    prev_hash: row.prev_hash,
    hash: row.hash,
  };
}
