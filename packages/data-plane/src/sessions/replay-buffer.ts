import { type KartaEvent, LIMITS } from '@karta/protocol';

interface Kept {
  event: KartaEvent;
  /** With the harness's own event, for those who asked for it. */
  raw: KartaEvent | null;
  bytes: number;
}

/** Places at the front that may stay empty before the array is moved together. */
const SLACK = 1024;

/**
 * The newest events of one session, in order and without gaps, bounded in number and bytes. The
 * newest one is kept whatever its size.
 */
export class ReplayBuffer {
  #kept: (Kept | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  /** The sequence number that the first event kept has, or the next one will have. */
  #firstSeq: number;

  constructor(nextSeq: number) {
    this.#firstSeq = nextSeq;
  }

  get firstSeq(): number {
    return this.#firstSeq;
  }

  get lastSeq(): number {
    return this.#firstSeq + this.#kept.length - this.#head - 1;
  }

  push(event: KartaEvent, raw: KartaEvent | null, bytes: number): void {
    this.#kept.push({ event, raw, bytes });
    this.#bytes += bytes;
    while (
      this.#kept.length - this.#head > 1 &&
      (this.#bytes > LIMITS.replayBytes || this.#kept.length - this.#head > LIMITS.replayEvents)
    ) {
      this.#dropFirst();
    }
  }

  /** The event `seq`, or `undefined` when it is not kept. */
  at(seq: number): { event: KartaEvent; raw: KartaEvent | null } | undefined {
    return seq < this.#firstSeq ? undefined : this.#kept[this.#head + seq - this.#firstSeq];
  }

  #dropFirst(): void {
    this.#bytes -= this.#kept[this.#head]?.bytes ?? 0;
    this.#kept[this.#head] = undefined;
    this.#head += 1;
    this.#firstSeq += 1;
    if (this.#head > SLACK && this.#head * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#head);
      this.#head = 0;
    }
  }
}
