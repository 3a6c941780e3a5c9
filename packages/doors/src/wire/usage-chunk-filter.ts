/** A part of an event that has not ended after so many bytes is passed on as it is. */
const HELD_BYTES = 4 * 1024 * 1024;
const EVENT_END = Buffer.from('\n\n');
const CRLF_EVENT_END = Buffer.from('\r\n\r\n');
const USAGE = /"usage"\s*:\s*\{/;
const EMPTY = Buffer.alloc(0);

/**
 * Takes the closing usage chunk out of a Chat Completions stream whose client did not ask for it.
 * Whole events pass at once; only the beginning of an event waits for its end, without which no
 * client can use it.
 */
export class UsageChunkFilter {
  private held: Buffer = EMPTY;

  /** The bytes that may go on now. */
  push(chunk: Buffer): Buffer {
    const all = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    const end = lastEventEnd(all);
    this.held = all.subarray(end);
    if (this.held.length > HELD_BYTES) {
      this.held = EMPTY;
      return all;
    }
    return withoutUsage(all.subarray(0, end));
  }

  /** What is left when the stream has ended. */
  flush(): Buffer {
    const rest = this.held;
    this.held = EMPTY;
    return rest;
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

function withoutUsage(events: Buffer): Buffer {
  const text = events.toString();
  if (!USAGE.test(text)) return events;
  const kept = text.split(/(?<=\r?\n\r?\n)/).filter((event) => !isUsageChunk(event));
  return Buffer.from(kept.join(''));
}

function isUsageChunk(event: string): boolean {
  const data = /^data:(.*)$/m.exec(event)?.[1];
  if (data === undefined || !USAGE.test(data)) return false;
  try {
    const { choices } = JSON.parse(data);
    return Array.isArray(choices) && choices.length === 0;
  } catch {
    return false;
  }
}
