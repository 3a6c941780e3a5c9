import { createHash } from 'node:crypto';
import { KartaError } from '@karta/protocol';
import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';

export interface AttemptLimit {
  max: number;
  /** From the first attempt on, in milliseconds. */
  windowMs: number;
}

/** Attempts counted durably: a restart forgives nothing, and several processes count together. */
export interface Attempts {
  /** Counts one before it is made. Throws `KartaError('rate_limited')` when it is one too many. */
  take(subject: string, limit: AttemptLimit): Promise<void>;
  /** The attempt was a good one: `one` takes it back, `all` begins anew. */
  forgive(subject: string, what: 'one' | 'all'): Promise<void>;
  /** Drops what has run out. */
  sweep(): Promise<void>;
}

export function createAttempts(database: Database): Attempts {
  return {
    async take(subject, { max, windowMs }) {
      const resets = new Date(Date.now() + windowMs);
      const { rows } = await sql<{ count: number; seconds: number }>`
        insert into attempts as known (subject, count, resets_at)
        values (${digest(subject)}, 1, ${resets})
        on conflict (subject) do update set
          count = case when known.resets_at <= now() then 1 else known.count + 1 end,
          resets_at = case when known.resets_at <= now() then excluded.resets_at else known.resets_at end
        returning count, ceil(extract(epoch from resets_at - now()))::int as seconds
      `.execute(database);
      const [row] = rows;
      if (!row || row.count <= max) return;
      throw new KartaError('rate_limited', 'Too many attempts; wait before you try again.', {
        retryAfter: Math.max(1, row.seconds),
      });
    },
    async forgive(subject, what) {
      const known = digest(subject);
      if (what === 'all') {
        await database.deleteFrom('attempts').where('subject', '=', known).execute();
        return;
      }
      await database
        .updateTable('attempts')
        .set({ count: sql`greatest(count - 1, 0)` })
        .where('subject', '=', known)
        .execute();
    },
    async sweep() {
      await database.deleteFrom('attempts').where('resets_at', '<', new Date()).execute();
    },
  };
}

/** The table tells nobody whose attempts they are. */
function digest(subject: string): string {
  return createHash('sha256').update(subject).digest('hex');
}
