import type { eventBatchAnswer, UsageEvent, UsageRecord } from '@karta/protocol';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { Database } from '../sql/index.ts';
import type { GrantOf } from './lifecycle.ts';
import { repeat } from './repeat.ts';
import { takeUsage } from './take-usage.ts';
import { type Batch, outboxCounts, settleEvents, waitingEvents } from './waiting-events.ts';

/** How often the doors are asked for calls, in ms. */
const TAKE_MS = 500;
/** Between two looks at the outbox when nothing is known to wait, in ms. */
const PUSH_MS = 500;
/** How long the end waits for what can still be told, in ms. */
const STOP_MS = 2_000;

/** The doors' journal, as the outbox empties it. */
export interface UsageJournal {
  /** The oldest calls that nobody has acknowledged. */
  usage(): Promise<UsageRecord[]>;
  ackUsage(through: number): Promise<void>;
}

/** The control plane, as the outbox tells it what happened. Rejects when it could not be told. */
export type SendBatch = (batch: Batch) => Promise<z.infer<typeof eventBatchAnswer>>;

export interface OutboxParts {
  database: Database;
  journal: UsageJournal;
  send: SendBatch;
  grantOf: GrantOf;
  /** Hears of each call once. */
  taken?(calls: readonly UsageEvent[]): void;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/**
 * Brings usage from the doors to the control plane, and what happened to sessions with it. Each step
 * is repeated until the next one has it on disk, and each repetition counts once: whatever ends in
 * between, nothing is lost and nothing doubled.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  #ends: (() => Promise<void>)[] = [];

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  start(): void {
    const { log } = this.#parts;
    this.#ends = [
      repeat(TAKE_MS, log, () => this.takeAll()),
      repeat(PUSH_MS, log, () => this.pushAll()),
    ];
  }

  /** Brings over what it can once more, then ends. What is left goes at the next start. */
  async stop(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_MS);
    });
    await Promise.race([this.#lastRound(), late]);
    clearTimeout(timer);
  }

  async #lastRound(): Promise<void> {
    await Promise.all(this.#ends.map((end) => end()));
    try {
      await this.takeAll();
      await this.pushAll();
    } catch (error) {
      this.#parts.log.info({ err: error }, 'events are left in the outbox for the next start');
    }
  }

  /** Moves everything that the doors have written down into the outbox. */
  async takeAll(): Promise<void> {
    const { database, journal, grantOf, taken } = this.#parts;
    for (;;) {
      const records = await journal.usage();
      const last = records.at(-1);
      if (last === undefined) return;
      const calls = await takeUsage(database, records, grantOf);
      taken?.(calls);
      await journal.ackUsage(last.seq);
    }
  }

  /** Tells the control plane everything that waits. */
  async pushAll(): Promise<void> {
    const { database, send, grantOf } = this.#parts;
    let after = '0';
    for (;;) {
      const found = await waitingEvents(database, grantOf, after);
      if (found === null) return;
      const answer = await send(found.batch);
      await settleEvents(database, answer);
      if (answer.refused.length > 0) {
        const [first] = answer.refused;
        this.#parts.log.error({ events: answer.refused.length, first }, 'events were refused');
      }
      // What was left for another grant stands before `last`; the next look begins anew.
      after = answer.accepted.length + answer.refused.length === 0 ? found.last : '0';
    }
  }

  counts(): Promise<{ waiting: number; refused: number }> {
    return outboxCounts(this.#parts.database);
  }
}
