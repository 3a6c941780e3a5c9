import type { Database, Tx } from '../sql/database.ts';
import { nextRevision } from '../sync/catalog-version.ts';
import type { DenialTable } from './tables.ts';

/** What must no longer be accepted. */
export interface NewDenial {
  kind: DenialTable['kind'];
  id: string;
  orgId: string;
  /** Only what was issued before now; otherwise all. */
  issuedBeforeNow?: boolean;
  /** How long nodes must remember it, in milliseconds; `null` until it is lifted. */
  forMs: number | null;
}

/** A denial that is not lifted by time. */
const NEVER = new Date('9999-01-01T00:00:00Z');

/**
 * Has every node refuse something, in the transaction of the change. Tell the nodes once it is
 * committed. What is denied twice stays denied until the later of both times.
 */
export async function deny(tx: Tx, denial: NewDenial): Promise<void> {
  const now = new Date();
  const { kind, id, orgId, issuedBeforeNow = false, forMs } = denial;
  const until = forMs === null ? NEVER : new Date(now.getTime() + forMs);
  const revision = await nextRevision(tx);
  // A token of this very second may be older or newer than the denial: it is refused.
  const issued_before = issuedBeforeNow ? Math.floor(now.getTime() / 1000) + 1 : null;
  await tx
    .insertInto('denials')
    .values({ kind, id, org_id: orgId, issued_before, until, created_at: now, revision })
    .onConflict((conflict) =>
      conflict.columns(['kind', 'id']).doUpdateSet((eb) => ({
        issued_before,
        revision,
        until: eb.fn<Date>('greatest', ['denials.until', eb.val(until)]),
      })),
    )
    .execute();
}

/**
 * Lifts a denial. Nodes remember denials until `until`, so it is told to them as one that is over.
 */
export async function lift(tx: Tx, kind: DenialTable['kind'], id: string): Promise<void> {
  const revision = await nextRevision(tx);
  await tx
    .updateTable('denials')
    .set({ until: new Date(0), revision })
    .where('kind', '=', kind)
    .where('id', '=', id)
    .execute();
}

/** How long a denial that is over is kept, so that every node has heard of its end. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** Drops denials that are over. */
export async function sweepDenials(database: Database): Promise<void> {
  await database
    .deleteFrom('denials')
    .where('until', '<', new Date(Date.now() - KEPT_MS))
    .execute();
}
