/** A part of an event that has not ended after so many bytes is passed on as it is. */
const HELD_BYTES = 4 * 1024 * 1024;
const EVENT_END = Buffer.from('\n\n');
const CRLF_EVENT_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

/** Which events of a stream are taken out. */
export interface FilteredEvents {
  /** Is in the text of each of them; what has none of it passes unread. */
  mark: RegExp;
  /** Whether this event, with its end, is one. */
  isOne(event: string): boolean;
}

/**
 * Takes events out of an event stream. Whole events pass at once; only the beginning of an event
 * waits for its end, without which no client can use it.
 */
export class EventFilter {
  private readonly filtered: FilteredEvents;
  private held: Buffer = EMPTY;

  constructor(filtered: FilteredEvents) {
    this.filtered = filtered;
  }

  /** The bytes that may go on now. */
  push(chunk: Buffer): Buffer {
    const all = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    const end = lastEventEnd(all);
    this.held = all.subarray(end);
    if (this.held.length > HELD_BYTES) {
      this.held = EMPTY;
      return all;
    }
    return this.without(all.subarray(0, end));
  }

  /** What is left when the stream has ended. */
  flush(): Buffer {
    const rest = this.held;
    this.held = EMPTY;
    return rest;
  }

  private without(events: Buffer): Buffer {
    const text = events.toString();
    if (!this.filtered.mark.test(text)) return events;
    const kept = text.split(/(?<=\r?\n\r?\n)/).filter((event) => !this.filtered.isOne(event));
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
