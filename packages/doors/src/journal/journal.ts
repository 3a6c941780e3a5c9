import type { CallCost, Usage, UsageRecord } from '@karta/protocol';
import type { Logger } from 'pino';
import { JOURNAL_BYTES, JOURNAL_SEGMENT_BYTES } from '../limits.ts';
import { LeaseSums } from './lease-sums.ts';
import { type BegunCall, type JournalLine, recordJson } from './line.ts';
import { LineWriter } from './line-writer.ts';
import { readJournal } from './read-journal.ts';
import { RecentRecords } from './recent-records.ts';
import { readSegment, removeSegment, type Segment } from './segment.ts';

/** No call may begin: what it costs could not be written down. */
export class JournalUnavailable extends Error {
  constructor(reason: string, cause?: unknown) {
    super(`the usage journal cannot take more: ${reason}`, { cause });
    this.name = 'JournalUnavailable';
  }
}

/** What a call cost in the end; `null` when nobody bills it. */
export type Settlement = { usage: Usage; estimated: boolean; spend: CallCost } | null;

/**
 * What every billed call cost, on disk, until somebody acknowledges to have it. A call is written
 * down before it is sent, flushed to the disk where it takes from a budget, and once more, flushed
 * always, before its answer ends: a call whose end is missing after a crash is booked as it began.
 * Writes that come together are flushed together.
 */
export class Journal {
  readonly #folder: string;
  readonly #log: Pick<Logger, 'warn' | 'error'>;
  /** The oldest first; the last is written to. */
  readonly #segments: Segment[] = [];
  /** Bytes of all but the last. */
  #fullBytes = 0;
  readonly #places = new Map<string, Segment>();
  #leases = new LeaseSums();
  #earlier: ReadonlyMap<string, bigint> = new Map();
  readonly #writer: LineWriter;
  readonly #recent = new RecentRecords();
  #lastSeq = 0;
  /** Of the last record that is on the disk. */
  #keptSeq = 0;
  #acked = 0;
  #onSettled: (() => void) | null = null;

  /** A journal in a folder of its own; nothing is read or written before {@link recover}. */
  constructor(folder: string, log: Pick<Logger, 'warn' | 'error'>) {
    this.#folder = folder;
    this.#log = log;
    this.#writer = new LineWriter(folder, JOURNAL_SEGMENT_BYTES, {
      firstLine: () => this.#leases.line(),
      began: (segment) => this.#began(segment),
      written: (line, segment) => this.#written(line, segment),
      kept: (line, segment) => this.#kept(line, segment),
      openCalls: () => this.openCalls,
      failed: (error) => this.#log.error({ err: error }, 'the usage journal could not be written'),
    });
  }

  /** Takes over what an earlier process left: its unsettled calls are booked at their estimate. */
  async recover(): Promise<void> {
    const found = await readJournal(this.#folder);
    for (const segment of found.segments) this.#began(segment);
    this.#lastSeq = found.lastSeq;
    this.#keptSeq = found.lastSeq;
    this.#acked = found.acked;
    this.#writer.startAt(found.nextNumber);
    this.#leases = found.leases;
    if (found.damaged > 0) {
      this.#log.warn({ lines: found.damaged }, 'the usage journal has torn lines');
    }
    await Promise.all(
      found.lost.map((call) =>
        this.settle(call, { usage: usageIn(call), estimated: true, spend: call.spend }),
      ),
    );
    this.#earlier = this.#leases.sums();
    if (found.lost.length > 0) {
      this.#log.warn({ calls: found.lost.length }, 'calls that broke off were booked');
    }
  }

  /** Where its files are. */
  get folder(): string {
    return this.#folder;
  }

  /** Calls that have begun and are not settled. */
  get openCalls(): number {
    return this.#places.size;
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#fullBytes + (this.#segments.at(-1)?.bytes ?? 0);
  }

  /** What earlier processes took from leases that they have not told of in full. */
  earlier(): ReadonlyMap<string, bigint> {
    return this.#earlier;
  }

  /** The control plane knows all that was taken from a lease. */
  forget(leaseId: string): void {
    this.#writer.append({ kind: 'told', lease_id: leaseId }, false).catch((error: unknown) => {
      // It is told once more after a restart, which changes nothing.
      this.#log.warn({ err: error, lease: leaseId }, 'a lease is kept longer than it need be');
    });
  }

  /** Records that nobody has acknowledged. */
  get backlog(): number {
    return this.#lastSeq - this.#acked;
  }

  /**
   * Writes down that a call is about to be sent; `durable`: resolves when that survives a power
   * failure. Throws {@link JournalUnavailable}.
   */
  async begin(call: BegunCall, durable = false): Promise<void> {
    if (this.bytes > JOURNAL_BYTES) throw new JournalUnavailable('it is full');
    try {
      await this.#writer.append({ kind: 'begun', call }, durable);
    } catch (error) {
      throw new JournalUnavailable('the disk refuses', error);
    }
  }

  /**
   * Writes down what a call cost; resolves when that is on the disk, or where it need not be
   * `durable` when this process may die. Throws what the disk says.
   */
  settle(call: BegunCall, settlement: Settlement, durable = true): Promise<void> {
    const line = this.#settledLine(call, settlement);
    return this.#writer.append(line, durable && settlement !== null);
  }

  /** The oldest records that nobody has acknowledged, all on the disk, at most some `limit` of them. */
  async unacknowledged(limit: number): Promise<UsageRecord[]> {
    await this.#writer.flush();
    const recent = this.#recent.after(this.#acked, limit);
    if (recent !== null) return recent;
    const records: UsageRecord[] = [];
    for (const segment of [...this.#segments]) {
      if (segment.lastSeq <= this.#acked) continue;
      if (records.length >= limit) break;
      const { lines } = await readSegment(segment);
      for (const line of lines) {
        const record = line.kind === 'settled' ? line.record : null;
        if (record === null || record.seq <= this.#acked || record.seq > this.#keptSeq) continue;
        records.push(record);
      }
    }
    return records.sort((a, b) => a.seq - b.seq).slice(0, limit);
  }

  /** The same, each as JSON: its number and its call by position, without brackets around them. */
  async unacknowledgedJson(limit: number): Promise<string[]> {
    await this.#writer.flush();
    const recent = this.#recent.textsAfter(this.#acked, limit);
    return recent ?? (await this.unacknowledged(limit)).map(recordJson);
  }

  /** Everything up to `through` is safe elsewhere: files that hold nothing else are removed. */
  async acknowledge(through: number): Promise<void> {
    if (through <= this.#acked || through > this.#lastSeq) return;
    this.#acked = through;
    this.#recent.forget(through);
    // What is removed must not come back to be counted anew: the last file says that it is done.
    await this.#writer.append({ kind: 'acked', through }, this.#done().length > 0);
    await this.#removeDone();
  }

  /** Resolves when no call is open any more, after `ms` at the latest. */
  async settled(ms: number): Promise<void> {
    if (this.#places.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onSettled = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }

  /** Writes what waits and closes the files. */
  async close(): Promise<void> {
    await this.#writer.close();
  }

  #settledLine(call: BegunCall, settlement: Settlement): JournalLine {
    if (settlement === null) return { kind: 'settled', id: call.id, record: null };
    this.#lastSeq += 1;
    const { usage } = settlement;
    // Spelled out: to copy an object of this size takes as long as writing it down.
    const record: UsageRecord = {
      seq: this.#lastSeq,
      id: call.id,
      org_id: call.org_id,
      project_id: call.project_id,
      session_id: call.session_id,
      turn_id: call.turn_id,
      payer: call.payer,
      org_grant: call.org_grant,
      provider: call.provider,
      model: call.model,
      input_tokens: usage.input_tokens,
      cache_read_tokens: usage.cache_read_tokens,
      cache_write_tokens: usage.cache_write_tokens,
      output_tokens: usage.output_tokens,
      estimated: settlement.estimated,
      paid_by: call.paid_by,
      spend: settlement.spend,
      at: call.at,
    };
    return { kind: 'settled', id: call.id, record };
  }

  #began(segment: Segment): void {
    this.#fullBytes = this.bytes;
    this.#segments.push(segment);
  }

  #written(line: JournalLine, segment: Segment): void {
    if (line.kind !== 'begun') return;
    segment.open += 1;
    this.#places.set(line.call.id, segment);
  }

  #kept(line: JournalLine, segment: Segment): void {
    this.#leases.add(line);
    if (line.kind !== 'settled') return;
    const place = this.#places.get(line.id);
    if (place !== undefined) {
      place.open -= 1;
      this.#places.delete(line.id);
    }
    if (this.#places.size === 0) this.#onSettled?.();
    if (line.record === null) return;
    this.#keptSeq = Math.max(this.#keptSeq, line.record.seq);
    segment.lastSeq = Math.max(segment.lastSeq, line.record.seq);
    this.#recent.add(line.record, line.recordJson ?? recordJson(line.record));
  }

  /** The oldest files, in which all is done. The last stays: it says how far the count has come. */
  #done(): Segment[] {
    const rest = this.#segments.findIndex(({ lastSeq, open }) => lastSeq > this.#acked || open > 0);
    return this.#segments.slice(0, rest === -1 ? -1 : Math.min(rest, this.#segments.length - 1));
  }

  async #removeDone(): Promise<void> {
    for (const segment of this.#done()) {
      await removeSegment(segment);
      this.#segments.splice(this.#segments.indexOf(segment), 1);
      this.#fullBytes -= segment.bytes;
    }
  }
}

function usageIn(call: BegunCall): Usage {
  const { input_tokens, cache_read_tokens, cache_write_tokens, output_tokens } = call;
  const total_tokens = input_tokens + output_tokens;
  return { input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, total_tokens };
}
