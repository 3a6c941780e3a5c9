import { type RawBuilder, sql } from 'kysely';

/**
 * What a block keeps from everybody else: its whole amount while it is open, for nobody but the node
 * knows how much of it was taken, also when it has expired; once closed, what was taken. Less what
 * booked calls have brought home, which stands in the window's `spent`.
 */
export const heldByLease: RawBuilder<string> = sql`
  greatest(case when lease.closed then lease.taken else lease.amount end - lease.consumed, 0)`;

/** Those that hold anything, and so are in the index by window: without it every block is read. */
export const holdsAnything: RawBuilder<boolean> = sql`
  (not lease.closed or lease.consumed < lease.taken)`;
