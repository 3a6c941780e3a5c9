import type { PaperCap } from '../budgets/testing/paper-control.ts';
import type { PaperServer } from '../budgets/testing/paper-server.ts';
import type { StartedDoors } from './start-doors.ts';

/** What doors spend under caps on paper, as a test sees and changes it. */
export interface PaperCaps {
  /** The control plane books what was spent; the records. */
  booked(): ReturnType<StartedDoors['management']['usage']>;
  /** The records, which nobody books: where a provider broke its limit the paper would complain. */
  taken(): ReturnType<StartedDoors['management']['usage']>;
  /** The control plane tells that caps have changed. */
  changed(): Promise<void>;
  /** Adds a cap of the whole org. `of` makes its id one that no other test has. */
  add(metric: PaperCap['metric'], limit: bigint, of: string): Promise<PaperCap>;
  /** What a test leaves to the next: no cap, and nothing to be booked. */
  clear(): Promise<void>;
}

/** `doors` are those of the moment: a test may start others. */
export function paperCaps(paper: PaperServer, doors: () => StartedDoors): PaperCaps {
  const caps: PaperCaps = {
    async taken() {
      const { management } = doors();
      const records = await management.usage();
      await management.ackUsage(records.at(-1)?.seq ?? 0);
      return records;
    },
    async booked() {
      const records = await caps.taken();
      for (const { spend } of records) paper.control.book(spend.charges);
      return records;
    },
    async changed() {
      await doors().management.send('POST', '/invalidate', { org_ids: ['org_1'] });
    },
    async add(metric, limit, of) {
      const made: PaperCap = { id: `bud_${metric}_${of}`, metric, limit };
      paper.control.caps.push(made);
      await caps.changed();
      return made;
    },
    async clear() {
      paper.control.caps.length = 0;
      await caps.booked();
      await caps.changed();
    },
  };
  return caps;
}
