import type { UsageRecord } from '@karta/protocol';
import { RECENT_RECORDS } from '../limits.ts';

/**
 * The records that were settled last and that nobody has acknowledged, in memory: whoever keeps up
 * with them has them without a file being read.
 */
export class RecentRecords {
  /** In the order of their numbers, without a gap. */
  #records: UsageRecord[] = [];
  /** Each as JSON, as it was written: it is told in that form soon after. */
  #texts: string[] = [];

  /** A record is in the journal. */
  add(record: UsageRecord, text: string): void {
    const last = this.#records.at(-1);
    if (last !== undefined && record.seq !== last.seq + 1) this.#drop(this.#records.length);
    this.#records.push(record);
    this.#texts.push(text);
    // Not one by one: what lies at the beginning of a list is dear to take out.
    if (this.#records.length >= 2 * RECENT_RECORDS) this.#drop(RECENT_RECORDS);
  }

  /** Everything up to this number is safe elsewhere. */
  forget(through: number): void {
    const first = this.#records[0]?.seq ?? 0;
    if (through >= first) this.#drop(through - first + 1);
  }

  /** The first records after this number; `null` when they are in the files only. */
  after(acked: number, limit: number): UsageRecord[] | null {
    const first = this.#records[0];
    return first !== undefined && first.seq === acked + 1 ? this.#records.slice(0, limit) : null;
  }

  /** The same as JSON. */
  textsAfter(acked: number, limit: number): string[] | null {
    return this.#records[0]?.seq === acked + 1 ? this.#texts.slice(0, limit) : null;
  }

  #drop(count: number): void {
    this.#records.splice(0, count);
    this.#texts.splice(0, count);
  }
}
