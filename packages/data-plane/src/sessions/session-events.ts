import { type EventBody, KartaError, type KartaEvent } from '@karta/protocol';
import { eventAt, frameOf } from './frame.ts';
import type { EventFeed, EventQuery } from './port.ts';
import { ReplayBuffer } from './replay-buffer.ts';
import type { Sequence } from './sequence.ts';

interface Waiting {
  turnId: string | null;
  body: EventBody;
  resolve(): void;
  reject(error: unknown): void;
}

interface FollowOptions extends EventQuery {
  /** The turn of `until` is over: what is kept is all there will be of it. */
  over: boolean;
  /** Whether the reader may learn what turns cost. */
  costs: boolean;
}

/**
 * The events of one session: numbered as they are published, kept for replay, read by any number of
 * readers at their own pace. Publishing writes nothing to disk but a block of numbers now and then.
 */
export class SessionEvents {
  readonly #sessionId: string;
  readonly #sequence: Sequence;
  readonly #buffer: ReplayBuffer;
  readonly #asleep = new Set<() => void>();
  readonly #readers = new Set<object>();
  /** Inputs that wait, by request id, with the number of the event that asked. */
  readonly #asked = new Map<string, { turnId: string | null; seq: number }>();
  #waiting: Waiting[] = [];
  #rawReaders = 0;
  #rawWatcher: ((wanted: boolean) => void) | null = null;
  #closed = false;

  constructor(sessionId: string, sequence: Sequence) {
    this.#sessionId = sessionId;
    this.#sequence = sequence;
    this.#buffer = new ReplayBuffer(sequence.last + 1);
  }

  get lastSeq(): number {
    return this.#sequence.last;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /**
   * Publishes at once while reserved numbers are left, which is nearly always; else resolves when
   * it is published. Order is kept either way.
   */
  publish(turnId: string | null, body: EventBody): undefined | Promise<void> {
    if (this.#waiting.length === 0) {
      const seq = this.#sequence.take();
      if (seq !== null) {
        this.#append(seq, turnId, body);
        return undefined;
      }
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ turnId, body, resolve, reject });
      if (this.#waiting.length === 1) void this.#publishWaiting();
    });
  }

  /** Tells `wanted` now and at each change whether somebody reads the harness's own events. */
  watchRaw(wanted: (wanted: boolean) => void): () => void {
    this.#rawWatcher = wanted;
    wanted(this.#rawReaders > 0);
    return () => {
      if (this.#rawWatcher === wanted) this.#rawWatcher = null;
    };
  }

  /**
   * Events after `query.after`. Throws `KartaError`: `replay_expired` when some are gone,
   * `validation_failed` for a place that no event has had yet, after which all would be passed over.
   */
  follow(query: FollowOptions): EventFeed & AsyncIterableIterator<KartaEvent> {
    if (query.after < this.#buffer.firstSeq - 1) throw this.#expired();
    if (query.after > this.#sequence.last) throw notYet(query.after, this.#sequence.last);
    const reader = {};
    this.#readers.add(reader);
    if (query.raw) this.#countRaw(1);
    let cursor = query.after;
    let wake: (() => void) | null = null;
    let finished = false;
    const finish = () => {
      if (finished) return;
      finished = true;
      this.#readers.delete(reader);
      if (query.raw) this.#countRaw(-1);
      query.signal.removeEventListener('abort', finish);
      wake?.();
    };
    if (query.signal.aborted) finish();
    else query.signal.addEventListener('abort', finish);

    const ready = (): KartaEvent | undefined => {
      const kept = finished ? undefined : this.#buffer.at(cursor + 1);
      if (kept === undefined) return undefined;
      cursor += 1;
      if (query.until !== undefined && this.#ends(kept.event, query.until)) finish();
      const event = query.raw ? (kept.raw ?? kept.event) : kept.event;
      return query.costs ? event : withoutCost(event);
    };

    const next = async (): Promise<IteratorResult<KartaEvent, undefined>> => {
      for (;;) {
        if (finished) return { done: true, value: undefined };
        if (cursor + 1 < this.#buffer.firstSeq) {
          finish();
          throw this.#expired();
        }
        const event = ready();
        if (event !== undefined) return { done: false, value: event };
        if (this.#closed || query.over) finish();
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
            this.#asleep.add(resolve);
          });
          if (wake !== null) this.#asleep.delete(wake);
          wake = null;
        }
      }
    };
    return {
      ready,
      next,
      return: async () => {
        finish();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Readers get what is left, then end. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  #countRaw(change: 1 | -1): void {
    const before = this.#rawReaders > 0;
    this.#rawReaders += change;
    const wanted = this.#rawReaders > 0;
    if (wanted !== before) this.#rawWatcher?.(wanted);
  }

  async #publishWaiting(): Promise<void> {
    try {
      for (;;) {
        const first = this.#waiting[0];
        if (first === undefined) return;
        const seq = this.#sequence.take();
        if (seq === null) {
          await this.#sequence.reserve();
          continue;
        }
        this.#append(seq, first.turnId, first.body);
        this.#waiting.shift();
        first.resolve();
      }
    } catch (error) {
      for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    }
  }

  #append(seq: number, turnId: string | null, body: EventBody): void {
    const timestamp = Date.now();
    const event = eventAt({ seq, sessionId: this.#sessionId, turnId, timestamp }, body);
    let bytes = Buffer.byteLength(frameOf(event));
    let raw: KartaEvent | null = null;
    if (this.#rawReaders > 0 && body.raw !== undefined) {
      raw = { ...event, raw: body.raw };
      bytes += Buffer.byteLength(frameOf(raw));
    }
    this.#buffer.push(event, raw, bytes);
    if (body.type === 'input_required') this.#asked.set(body.data.request_id, { turnId, seq });
    else if (body.type === 'input_resolved') this.#asked.delete(body.data.request_id);
    this.#wakeAll();
  }

  /** Whether a reader that waits for this point of a turn has reached it with `event`. */
  #ends(event: KartaEvent, until: { turnId: string; at: 'done' | 'pause' }): boolean {
    if (event.turn_id !== until.turnId) return false;
    if (event.type === 'done') return true;
    if (until.at === 'done') return false;
    if (event.type === 'input_required') return this.#asked.has(event.data.request_id);
    if (event.type !== 'input_resolved') return false;
    // Of several asks at once one is answered: the turn still waits for the others.
    return [...this.#asked.values()].some(
      (asked) => asked.turnId === until.turnId && asked.seq < event.seq,
    );
  }

  #expired(): KartaError {
    const first = this.#buffer.firstSeq;
    return new KartaError('replay_expired', `Events before ${first} are no longer kept.`, {
      extra: { first_seq: first },
    });
  }

  #wakeAll(): void {
    for (const wake of this.#asleep) wake();
    this.#asleep.clear();
  }
}

function notYet(after: number, last: number): KartaError {
  const message = `is ${after}, but the last event so far has the seq ${last}`;
  return new KartaError('validation_failed', `The place to go on from ${message}.`, {
    extra: { errors: [{ pointer: '', parameter: 'after', message }] },
  });
}

function withoutCost(event: KartaEvent): KartaEvent {
  if (event.type !== 'done' || event.data.cost === null) return event;
  return { ...event, data: { ...event.data, cost: null } };
}
