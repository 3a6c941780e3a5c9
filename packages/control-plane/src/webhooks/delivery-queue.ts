import { sql } from 'kysely';
import type { SealedValue } from '../projects/tables.ts';
import type { Database } from '../sql/database.ts';

/** A try counts as lost after so long; the delivery is then due again. In ms. */
const LEASE_MS = 60_000;
/** Due deliveries that one look considers. */
const LOOK_ROWS = 500;
/** Deliveries of one endpoint under way at once. */
export const ENDPOINT_CONCURRENCY = 4;

/** A delivery that is this process's to try. */
export interface ClaimedDelivery {
  id: string;
  endpoint_id: string;
  org_id: string;
  event_id: string;
  event_type: string;
  /** This try's number, from 1. */
  attempts: number;
  body: string;
  url: string;
  secret: SealedValue;
  previous_secret: SealedValue | null;
  previous_secret_expires_at: Date | null;
}

/**
 * Takes up to `limit` deliveries that are due, none of endpoints in `busy`. Several processes may
 * ask at once: each delivery goes to one of them. Of an endpoint that keeps an order only the oldest
 * pending one can be due. No transaction stays open while it is sent: a process that dies leaves
 * its tries to be made again.
 */
export async function claimDue(
  database: Database,
  options: { now: Date; limit: number; busy: readonly string[] },
): Promise<ClaimedDelivery[]> {
  const { now, limit, busy } = options;
  const { rows } = await sql<ClaimedDelivery>`
    with due as (
      select d.id, row_number() over (
        partition by d.endpoint_id order by d.position
      ) as place, e.ordered
      from (
        select * from webhook_deliveries
        where status = 'pending' and next_attempt_at <= ${now}
          and endpoint_id <> all (${busy}::text[])
          and org_id not in (select id from orgs where deleted_at is not null)
        order by next_attempt_at limit ${LOOK_ROWS}
      ) d
      join webhook_endpoints e on e.id = d.endpoint_id
      where not e.ordered or not exists (
        select from webhook_deliveries earlier
        where earlier.endpoint_id = d.endpoint_id and earlier.status = 'pending'
          and earlier.position < d.position)
    ), mine as (
      select d.id from webhook_deliveries d
      where d.id in (
          select id from due where place <= case when ordered then 1 else ${ENDPOINT_CONCURRENCY} end)
        and d.status = 'pending' and d.next_attempt_at <= ${now}
      limit ${limit} for update skip locked
    ), taken as (
      update webhook_deliveries d
      set attempts = d.attempts + 1, last_attempt_at = ${now},
        next_attempt_at = ${new Date(now.getTime() + LEASE_MS)}
      from mine where d.id = mine.id
      returning d.*
    )
    select taken.id, taken.endpoint_id, taken.org_id, taken.event_id, taken.event_type,
      taken.attempts, event.body, endpoint.url, endpoint.secret, endpoint.previous_secret,
      endpoint.previous_secret_expires_at
    from taken
    join webhook_endpoints endpoint on endpoint.id = taken.endpoint_id
    join webhook_events event on event.org_id = taken.org_id and event.id = taken.event_id`.execute(
    database,
  );
  return rows;
}
