import { GatheredBytes } from '@karta/protocol';

/** A part of an event that has not ended after so many bytes is passed on as it is. */
const HELD_BYTES = 4 * 1024 * 1024;
const EVENT_END = Buffer.from('\n\n');
const CRLF_EVENT_END = Buffer.from('\r\n\r\n');
/** Of an end that is cut, so much may be held already. */
const CUT_END = CRLF_EVENT_END.length - 1;
const EMPTY = Buffer.alloc(0);

/** Which events of a stream are taken out. */
export interface FilteredEvents {
  /** Is among the bytes of each of them; what has none of it passes unread. */
  mark: Buffer;
  /** Whether this event, with its end, is one. */
  isOne(event: string): boolean;
}

/**
 * Takes events out of an event stream. Whole events pass at once; only the beginning of an event
 * waits for its end, without which no client can use it.
 */
export class EventFilter {
  private readonly filtered: FilteredEvents;
  private readonly held = new GatheredBytes();
  /** The last bytes of what is held. */
  private tail: Buffer = EMPTY;

  constructor(filtered: FilteredEvents) {
    this.filtered = filtered;
  }

  /** The bytes that may go on now. */
  push(chunk: Buffer): Buffer {
    const seam = this.tail.length === 0 ? chunk : Buffer.concat([this.tail, chunk]);
    // What was held before has no end in it: it is never looked through again.
    const end = lastEventEnd(seam);
    const ended = end === 0 ? EMPTY : chunk.subarray(0, end - this.tail.length);
    const whole = end === 0 ? EMPTY : this.release(ended);
    const open = chunk.subarray(ended.length);
    this.held.push(open);
    if (this.held.length > HELD_BYTES) return Buffer.concat([this.without(whole), this.release()]);
    this.tail = Buffer.from((end === 0 ? seam : open).subarray(-CUT_END));
    return this.without(whole);
  }

  /** What is left when the stream has ended. */
  flush(): Buffer {
    return this.release();
  }

  /** What is held, with what belongs to it. */
  private release(more: Buffer = EMPTY): Buffer {
    this.tail = EMPTY;
    if (this.held.length === 0) return more;
    this.held.push(more);
    const { buffer, length } = this.held.take();
    return Buffer.from(buffer, 0, length);
  }

  private without(events: Buffer): Buffer {
    if (!events.includes(this.filtered.mark)) return events;
    const kept = events
      .toString()
      .split(/(?<=\r?\n\r?\n)/)
      .filter((event) => !this.filtered.isOne(event));
    return Buffer.from(kept.join(''));
  }
}

function lastEventEnd(bytes: Buffer): number {
  const plain = bytes.lastIndexOf(EVENT_END);
  const crlf = bytes.lastIndexOf(CRLF_EVENT_END);
  return Math.max(
    plain === -1 ? 0 : plain + EVENT_END.length,
    crlf === -1 ? 0 : crlf + CRLF_EVENT_END.length,
  );
}
