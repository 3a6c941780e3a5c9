import type { Database } from '../sql/index.ts';

/** Numbers reserved at a time: a crash skips at most this many. */
const BLOCK = 1000;

/**
 * The sequence numbers of one session's events. They are reserved on disk in blocks before they are
 * used, so that none is ever used twice, and given back when the session is put away in good order.
 */
export class Sequence {
  readonly #database: Database;
  readonly #sessionId: string;
  #last: number;
  #reserved: number;
  #writing: Promise<void> | null = null;

  constructor(database: Database, sessionId: string, reserved: number) {
    this.#database = database;
    this.#sessionId = sessionId;
    this.#last = reserved;
    this.#reserved = reserved;
  }

  /** The last number given out. */
  get last(): number {
    return this.#last;
  }

  /** The next number, or `null` when `reserve` must be awaited first. */
  take(): number | null {
    if (this.#last >= this.#reserved) return null;
    this.#last += 1;
    if (this.#reserved - this.#last < BLOCK / 4) {
      void this.reserve().catch(() => {
        // Who runs out of numbers reserves again, waits for it, and is told.
      });
    }
    return this.#last;
  }

  /** Reserves the next block. Throws when another process reserved numbers of this session. */
  reserve(): Promise<void> {
    this.#writing ??= this.#move(this.#reserved + BLOCK).finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  /** Gives back what is reserved and unused. */
  async release(): Promise<void> {
    await this.#writing?.catch(() => {
      // What could not be reserved need not be given back.
    });
    if (this.#reserved === this.#last) return;
    this.#writing = this.#move(this.#last).finally(() => {
      this.#writing = null;
    });
    await this.#writing;
  }

  async #move(to: number): Promise<void> {
    const from = this.#reserved;
    // Numbers that are being given back must not be given out meanwhile.
    if (to < from) this.#reserved = to;
    const result = await this.#database
      .updateTable('sessions')
      .set({ seq_reserved: to })
      .where('id', '=', this.#sessionId)
      .where('seq_reserved', '=', String(from))
      .executeTakeFirst();
    if (result.numUpdatedRows !== 1n) {
      throw new Error(`the sequence of ${this.#sessionId} was moved by another process`);
    }
    this.#reserved = to;
  }
}
