import { fdatasync, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Gathering } from './gathering.ts';
import { encodeLine, type JournalLine } from './line.ts';
import { createSegment, emptySegment, type Segment } from './segment.ts';
import { joined, TOLD_AT_ONCE, unasked, type Waiters, type Waiting } from './waiting.ts';

/** What a journal does with its lines as they come to be on disk. */
export interface LineOwner {
  /** The line that begins a file. */
  firstLine(): JournalLine;
  /** Another file has begun. */
  began(segment: Segment): void;
  /** A line is in the file; a power failure may still take it. Called in the order of the lines. */
  written(line: JournalLine, segment: Segment): void;
  /** A line is on the disk. Called in the order of the lines. */
  kept(line: JournalLine, segment: Segment): void;
  /** Calls that have begun and of which the end is not kept. */
  openCalls(): number;
  /** The disk has refused, or may have lost, what the file holds. */
  failed(error: unknown): void;
}

/**
 * Room that is taken ahead: some fifteen hundred calls. While a file grows, writers wait for its
 * flush.
 */
const ROOM = Buffer.alloc(1024 * 1024);
/** How long settlements wait for those of other calls that run, in milliseconds. */
const GATHER_MS = 1;
/** How long a line that nobody waits for may be in the file alone, in milliseconds. */
const UNFLUSHED_MS = 5;
/**
 * Writes lines into files, one after the other. Those that come together are written together, and
 * flushed together: a flush under way holds up nothing but who waits for the next.
 */
export class LineWriter {
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #owner: LineOwner;
  #file: FileHandle | null = null;
  #segment: Segment;
  /** Where the room ends that the file has. */
  #room = 0;
  #nextNumber = 1;
  #waiting: Waiting[] = [];
  /** Who waits for the last of those that wait: for the disk, and for the file. */
  #forDisk: Waiters | null = null;
  #forFile: Waiters | null = null;
  /** In the file, not on the disk. */
  #unflushed: Waiting[] = [];
  /** Lines that have left that list, for whatever reason. */
  #flushed = 0;
  /** Settled while the disk failed: written before anything else. */
  #unwritten: JournalLine[] = [];
  #writing: Promise<void> | null = null;
  #flushing: Promise<void> | null = null;
  /** What the next flush waits for, until it begins. */
  #gathering: Gathering | null = null;
  /** Kept, and to be told so. */
  #untold: Waiters[] = [];
  #telling: Promise<void> | null = null;

  constructor(folder: string, segmentBytes: number, owner: LineOwner) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
    this.#owner = owner;
    this.#segment = emptySegment(folder, 0);
  }

  /** Goes on with files of this number and above. */
  startAt(number: number): void {
    this.#nextNumber = number;
  }

  /**
   * Resolves once the line is in the file, and soon on the disk; `durable`: once it is there. Throws
   * what the disk says.
   */
  append(line: JournalLine, durable: boolean): Promise<void> {
    const waiters = joined(durable ? this.#forDisk : this.#forFile);
    if (durable) this.#forDisk = waiters;
    else this.#forFile = waiters;
    this.#waiting.push({ line, durable, waiters });
    this.#writing ??= this.#writeSoon();
    return waiters.promise;
  }

  /** Resolves once what is in the file is on the disk, or never will be. */
  async flush(): Promise<void> {
    const all = this.#flushed + this.#unflushed.length;
    while (this.#flushed < all && this.#flushing !== null) {
      this.#gathering?.end();
      await this.#flushing;
    }
  }

  /** Writes and flushes what waits, and closes the file. */
  async close(): Promise<void> {
    if (this.#unwritten.length > 0) this.#writing ??= this.#writeSoon();
    for (let work = this.#work; work !== null; work = this.#work) {
      this.#gathering?.end();
      await work;
    }
    const file = this.#file;
    this.#file = null;
    try {
      await file?.truncate(this.#segment.bytes);
    } finally {
      await file?.close();
    }
  }

  get #work(): Promise<void> | null {
    return this.#writing ?? this.#flushing ?? this.#telling;
  }

  async #writeSoon(): Promise<void> {
    do {
      // What else this round of events brings goes along.
      await new Promise(setImmediate);
      try {
        if (this.#full) await this.#beginFile();
        this.#writeWaiting();
      } catch (error) {
        const batch = this.#takeWaiting();
        // Its flush tells for itself what has become of what was written before; then it is closed.
        await this.#allFlushed();
        await this.#failed(batch, error);
      }
    } while (this.#waiting.length > 0);
    // In the same step as the look above: what comes later finds nobody writing.
    this.#writing = null;
  }

  /** Resolves once nothing of the file waits for a flush. Only who writes may ask: else more comes. */
  async #allFlushed(): Promise<void> {
    for (let flush = this.#flushing; flush !== null; flush = this.#flushing) {
      this.#gathering?.end();
      await flush;
    }
  }

  get #full(): boolean {
    return this.#file === null || this.#segment.bytes >= this.#segmentBytes;
  }

  async #beginFile(): Promise<void> {
    await this.#allFlushed();
    const before = this.#file;
    this.#file = null;
    try {
      // What follows in another file must not outlast what came before it.
      await before?.datasync();
      await before?.truncate(this.#segment.bytes);
    } finally {
      await before?.close();
    }
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    const { segment, file } = await createSegment(this.#folder, number);
    this.#segment = segment;
    this.#file = file;
    this.#room = 0;
    this.#owner.began(segment);
  }

  /** In one step, so that the file is not given up meanwhile. */
  #writeWaiting(): void {
    const [file, segment] = [this.#file, this.#segment];
    if (file === null) throw new Error('the file was given up');
    const batch = [...this.#unwritten.map(unasked), ...this.#waiting];
    let text = segment.bytes === 0 ? encodeLine(this.#owner.firstLine()) : '';
    for (const { line } of batch) text += encodeLine(line);
    segment.bytes = this.#write(file, Buffer.from(text), segment.bytes);
    this.#unwritten = [];
    this.#takeWaiting();
    for (const one of batch) this.#written(one, segment);
    this.#flushSoon(file, segment);
  }

  #takeWaiting(): Waiting[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#forDisk = null;
    this.#forFile = null;
    return waiting;
  }

  /**
   * A call that is to be sent, or the only one that runs, waits for nobody. Settlements are gathered
   * for a moment while other calls run that may settle too: a flush takes the processor longer than
   * the rest of a call.
   */
  #flushSoon(file: FileHandle, segment: Segment): void {
    if (this.#flushing !== null && this.#gathering === null) return;
    const wait = this.#mayWait();
    if (this.#gathering !== null) this.#gathering.endWithin(wait);
    else if (wait === 0) this.#flushing = this.#flush(file, segment);
    else {
      const gathering = new Gathering(wait);
      this.#gathering = gathering;
      this.#flushing = gathering.over.then(() => {
        this.#gathering = null;
        return this.#flush(file, segment);
      });
    }
  }

  /** How long what is not flushed may wait to be, in milliseconds. */
  #mayWait(): number {
    let settled = 0;
    for (const { durable, line } of this.#unflushed) {
      if (!durable) continue;
      if (line.kind !== 'settled') return 0;
      settled += 1;
    }
    if (settled === 0) return UNFLUSHED_MS;
    return settled >= this.#owner.openCalls() ? 0 : GATHER_MS;
  }

  /**
   * Into the system's memory, which takes microseconds where a thread for it takes ten times as long.
   * Room is taken ahead: to flush a file that does not grow costs half. Returns where it ends.
   */
  #write(file: FileHandle, bytes: Buffer, place: number): number {
    const end = writeAt(file, bytes, place);
    if (end > this.#room) this.#room = writeAt(file, ROOM, end);
    return end;
  }

  #written(one: Waiting, segment: Segment): void {
    this.#owner.written(one.line, segment);
    if (!one.durable && !one.waiters.told) {
      one.waiters.told = true;
      one.waiters.resolve();
    }
    this.#unflushed.push(one);
  }

  /** Flushes until nobody waits for it. Never throws. */
  async #flush(file: FileHandle, segment: Segment): Promise<void> {
    do {
      const count = this.#unflushed.length;
      try {
        await flushed(file);
      } catch (error) {
        this.#flushed += this.#unflushed.length;
        await this.#failed(this.#unflushed.splice(0), error);
        break;
      }
      this.#flushed += count;
      const kept = this.#unflushed.splice(0, count);
      for (const { line } of kept) this.#owner.kept(line, segment);
      this.#tell(kept);
    } while (this.#unflushed.some(({ durable }) => durable));
    this.#flushing = null;
    if (this.#unflushed.length > 0) this.#flushSoon(file, segment);
  }

  /** Tells who waits, some hundred in each round of events: the next flush begins among them. */
  #tell(kept: readonly Waiting[]): void {
    for (const { waiters } of kept) {
      if (waiters.told) continue;
      waiters.told = true;
      this.#untold.push(waiters);
    }
    if (this.#telling === null) this.#tellSome();
  }

  #tellSome(): void {
    let count = 0;
    let lines = 0;
    while (lines < TOLD_AT_ONCE && count < this.#untold.length) {
      const waiters = this.#untold[count];
      waiters?.resolve();
      lines += waiters?.lines ?? 0;
      count += 1;
    }
    this.#untold.splice(0, count);
    this.#telling =
      this.#untold.length === 0
        ? null
        : new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#tellSome());
  }

  /**
   * What was settled is kept in memory until the disk takes it. A call that could not be written
   * down is not sent: should it be in the file all the same, it cost nothing. What is in the file
   * after a failure is unknown: the next goes into another.
   */
  async #failed(batch: readonly Waiting[], error: unknown): Promise<void> {
    this.#owner.failed(error);
    for (const { line, waiters } of batch) {
      if (line.kind === 'settled' || line.kind === 'told') this.#unwritten.push(line);
      if (line.kind === 'begun' && !waiters.told) {
        this.#unwritten.push({ kind: 'settled', id: line.call.id, record: null });
      }
      waiters.reject(error);
    }
    const broken = this.#file;
    this.#file = null;
    await broken?.close().catch((failure: unknown) => this.#owner.failed(failure));
  }
}

/** All of the bytes at this place; returns where they end. */
function writeAt({ fd }: FileHandle, bytes: Buffer, place: number): number {
  let written = 0;
  while (written < bytes.length) {
    written += writeSync(fd, bytes, written, bytes.length - written, place + written);
  }
  return place + written;
}

function flushed({ fd }: FileHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}
