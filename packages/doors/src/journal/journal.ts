import type { FileHandle } from 'node:fs/promises';
import type { CallCost, Usage, UsageRecord } from '@karta/protocol';
import type { Logger } from 'pino';
import { JOURNAL_BYTES, JOURNAL_SEGMENT_BYTES } from '../limits.ts';
import { LeaseSums } from './lease-sums.ts';
import { type BegunCall, encodeLine, type JournalLine } from './line.ts';
import { readJournal } from './read-journal.ts';
import { createSegment, readSegment, removeSegment, type Segment } from './segment.ts';

/** No call may begin: what it costs could not be written down. */
export class JournalUnavailable extends Error {
  constructor(reason: string, cause?: unknown) {
    super(`the usage journal cannot take more: ${reason}`, { cause });
    this.name = 'JournalUnavailable';
  }
}

/** What a call cost in the end; `null` when nobody bills it. */
export type Settlement = { usage: Usage; estimated: boolean; spend: CallCost } | null;

interface Waiting {
  line: JournalLine;
  /** Resolve once it survives a power failure, not as soon as it survives this process. */
  durable: boolean;
  /** Whoever waits has been told that it is written. */
  told: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

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
  readonly #places = new Map<string, Segment>();
  #leases = new LeaseSums();
  #earlier: ReadonlyMap<string, bigint> = new Map();
  #bytes = 0;
  #file: FileHandle | null = null;
  /** Whether the open file holds what a power failure would take. */
  #unflushed = false;
  #nextNumber = 1;
  #lastSeq = 0;
  #acked = 0;
  #waiting: Waiting[] = [];
  /** Settled while the disk failed: written before anything else. */
  #unwritten: JournalLine[] = [];
  #writing: Promise<void> | null = null;
  #onSettled: (() => void) | null = null;

  /** A journal in a folder of its own; nothing is read or written before {@link recover}. */
  constructor(folder: string, log: Pick<Logger, 'warn' | 'error'>) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Takes over what an earlier process left: its unsettled calls are booked at their estimate. */
  async recover(): Promise<void> {
    const found = await readJournal(this.#folder);
    this.#segments.push(...found.segments);
    this.#lastSeq = found.lastSeq;
    this.#acked = found.acked;
    this.#nextNumber = found.nextNumber;
    this.#leases = found.leases;
    this.#bytes = found.segments.reduce((sum, { bytes }) => sum + bytes, 0);
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
    return this.#bytes;
  }

  /** What earlier processes took from leases that they have not told of in full. */
  earlier(): ReadonlyMap<string, bigint> {
    return this.#earlier;
  }

  /** The control plane knows all that was taken from a lease. */
  forget(leaseId: string): void {
    this.#append({ kind: 'told', lease_id: leaseId }, false).catch((error: unknown) => {
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
      await this.#append({ kind: 'begun', call }, durable);
    } catch (error) {
      throw new JournalUnavailable('the disk refuses', error);
    }
  }

  /** Writes down what a call cost; resolves when that is on the disk. Throws what the disk says. */
  async settle(call: BegunCall, settlement: Settlement): Promise<void> {
    await this.#append(this.#settledLine(call, settlement), settlement !== null);
  }

  /** The oldest records that nobody has acknowledged, at most some `limit` of them. */
  async unacknowledged(limit: number): Promise<UsageRecord[]> {
    const records: UsageRecord[] = [];
    for (const segment of [...this.#segments]) {
      if (segment.lastSeq <= this.#acked) continue;
      if (records.length >= limit) break;
      const { lines } = await readSegment(segment);
      for (const line of lines) {
        const record = line.kind === 'settled' ? line.record : null;
        if (record !== null && record.seq > this.#acked) records.push(record);
      }
    }
    return records.sort((a, b) => a.seq - b.seq).slice(0, limit);
  }

  /** Everything up to `through` is safe elsewhere: files that hold nothing else are removed. */
  async acknowledge(through: number): Promise<void> {
    if (through <= this.#acked || through > this.#lastSeq) return;
    this.#acked = through;
    // What is removed must not come back to be counted anew: the last file says that it is done.
    await this.#append({ kind: 'acked', through }, this.#done().length > 0);
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
    while (this.#writing !== null) await this.#writing;
    if (this.#unwritten.length > 0) await this.#write([]);
    await this.#file?.close();
    this.#file = null;
  }

  #settledLine(call: BegunCall, settlement: Settlement): JournalLine {
    if (settlement === null) return { kind: 'settled', id: call.id, record: null };
    this.#lastSeq += 1;
    const { total_tokens: _, ...tokens } = settlement.usage;
    const { estimated, spend } = settlement;
    const record = { ...call, ...tokens, estimated, spend, seq: this.#lastSeq };
    return { kind: 'settled', id: call.id, record };
  }

  #append(line: JournalLine, durable = true): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ line, durable, told: false, resolve, reject });
    });
    this.#writing ??= this.#writeAll();
    return written;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.#write(batch);
      } catch (error) {
        await this.#failed(batch, error);
      }
    }
    // In the same step as the look above: what comes later finds nobody writing.
    this.#writing = null;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const { segment, file } = await this.#current();
    const lines = [...this.#unwritten, ...batch.map(({ line }) => line)];
    const first = segment.bytes === 0 ? [this.#leases.line()] : [];
    const bytes = Buffer.from([...first, ...lines].map(encodeLine).join(''));
    await file.appendFile(bytes);
    this.#unflushed = true;
    segment.bytes += bytes.length;
    this.#bytes += bytes.length;
    for (const one of batch) {
      if (one.durable) continue;
      one.told = true;
      one.resolve();
    }
    const flush = this.#unwritten.length > 0 || batch.some(({ durable }) => durable);
    if (flush) await this.#flush(file);
    for (const line of lines) this.#note(line, segment);
    this.#unwritten = [];
    for (const one of batch) one.resolve();
  }

  /**
   * What was settled is kept in memory until the disk takes it. A call that could not be written
   * down is not sent: should it be in the file all the same, it cost nothing.
   */
  async #failed(batch: readonly Waiting[], error: unknown): Promise<void> {
    this.#log.error({ err: error }, 'the usage journal could not be written');
    for (const { line, told, reject } of batch) {
      if (line.kind === 'settled' || line.kind === 'told') this.#unwritten.push(line);
      if (line.kind === 'begun' && !told) {
        this.#unwritten.push({ kind: 'settled', id: line.call.id, record: null });
      }
      reject(error);
    }
    // What is in the file after a failed write is unknown: the next goes into another.
    const broken = this.#file;
    this.#file = null;
    await broken?.close().catch((failure: unknown) => {
      this.#log.error({ err: failure }, 'a file of the usage journal could not be closed');
    });
  }

  async #current(): Promise<{ segment: Segment; file: FileHandle }> {
    const last = this.#segments.at(-1);
    if (this.#file !== null && last !== undefined && last.bytes < JOURNAL_SEGMENT_BYTES) {
      return { segment: last, file: this.#file };
    }
    // What follows in another file must not outlast what came before it.
    if (this.#file !== null && this.#unflushed) await this.#flush(this.#file);
    await this.#file?.close();
    this.#file = null;
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    const { segment, file } = await createSegment(this.#folder, number);
    this.#segments.push(segment);
    this.#file = file;
    return { segment, file };
  }

  async #flush(file: FileHandle): Promise<void> {
    await file.datasync();
    this.#unflushed = false;
  }

  #note(line: JournalLine, segment: Segment): void {
    this.#leases.add(line);
    if (line.kind === 'begun') {
      segment.open.add(line.call.id);
      this.#places.set(line.call.id, segment);
    } else if (line.kind === 'settled') {
      this.#places.get(line.id)?.open.delete(line.id);
      this.#places.delete(line.id);
      if (this.#places.size === 0) this.#onSettled?.();
      segment.lastSeq = Math.max(segment.lastSeq, line.record?.seq ?? 0);
    }
  }

  /** The oldest files, in which all is done. The last stays: it says how far the count has come. */
  #done(): Segment[] {
    const rest = this.#segments.findIndex(
      ({ lastSeq, open }) => lastSeq > this.#acked || open.size > 0,
    );
    return this.#segments.slice(0, rest === -1 ? -1 : Math.min(rest, this.#segments.length - 1));
  }

  async #removeDone(): Promise<void> {
    for (const segment of this.#done()) {
      await removeSegment(segment);
      this.#segments.splice(this.#segments.indexOf(segment), 1);
      this.#bytes -= segment.bytes;
    }
  }
}

function usageIn(call: BegunCall): Usage {
  const { input_tokens, cache_read_tokens, cache_write_tokens, output_tokens } = call;
  const total_tokens = input_tokens + output_tokens;
  return { input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, total_tokens };
}
