import { createHash } from 'node:crypto';
import type { LifecycleEvent } from '@karta/protocol';
import { type RawBuilder, sql } from 'kysely';

/** What happened to a session, beside the session itself. */
export interface Happened {
  type: LifecycleEvent['type'];
  sessionId: string;
  /** What makes it this event and no other: the turn, the input. */
  about?: string;
  /** Its own part of `data`: ids, states and numbers, never text. */
  data?: Readonly<Record<string, unknown>>;
  at?: Date;
}

/** The org grant that this node holds now; `null` for an org that nobody has called for. */
export type GrantOf = (orgId: string) => string | null;

/** A part of a statement that tells of what the statement does. It has no rows. */
export type Told = RawBuilder<Record<string, never>>;

/**
 * The insert that tells the control plane, as a part of the statement that changes the session: both
 * are written or neither. The same event has the same id, so a change that is repeated tells it once.
 * `where` narrows it to a change that took place.
 */
export function tell(
  happened: Happened,
  orgGrant: string | null,
  where: RawBuilder<unknown> = sql`true`,
): Told {
  const { type, sessionId, data = {} } = happened;
  const id = eventId(happened);
  const at = (happened.at ?? new Date()).toISOString();
  return sql<Record<string, never>>`
    insert into outbox (id, kind, org_id, event, org_grant)
    select ${id}, 'lifecycle', s.org_id, jsonb_build_object(
      'id', ${id}::text, 'type', ${type}::text, 'org_id', s.org_id, 'project_id', s.project_id,
      'session_id', s.id, 'at', ${at}::text,
      'data', jsonb_build_object('session_id', s.id, 'project_id', s.project_id,
        'end_user', s.sub, 'mode', s.mode) || ${JSON.stringify(data)}::jsonb
    ), ${orgGrant}
    from sessions s where s.id = ${sessionId} and ${where}
    on conflict (id) do nothing`;
}

/** What {@link tell} writes as a part of another statement: in brackets, as `with` wants it. */
export function partOf(told: Told): Told {
  return sql`(${told})`;
}

function eventId({ type, sessionId, about = '' }: Happened): string {
  const digest = createHash('sha256').update(`${type} ${sessionId} ${about}`).digest('hex');
  return `evt_${digest.slice(0, 24)}`;
}
