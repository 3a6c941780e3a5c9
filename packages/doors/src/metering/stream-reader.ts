import { createParser, type EventSourceParser } from 'eventsource-parser';
import { METERED_UNIT_BYTES, UNREAD_STREAM_BYTES } from '../limits.ts';
import type { RouteName } from '../wire/routes.ts';
import { toldBy } from '../wire/stream-error.ts';
import type { AnswerReader, Told } from './answer-reader.ts';
import { jsonObject } from './json-object.ts';
import { emptyReport, READ_EVENT } from './report.ts';
import { UnreadBytes } from './unread-bytes.ts';

/** Every count stands under this key on every wire. JSON can spell a letter in one other way only. */
const COUNTS = Buffer.from('usage');
const ESCAPED_LETTER = Buffer.from('\\u00');
/** One byte less than the longer of them: what the end of a chunk can hold of one. */
const SEAM = 4;
const LF = 10;
const EVENT_END = Buffer.from('\n\n');
const CRLF_EVENT_END = Buffer.from('\r\n\r\n');

/**
 * Reads an event stream. Most of its events tell text and nothing else, which matters only where the
 * provider never tells its count: they are put off unread, as many as {@link UNREAD_STREAM_BYTES}
 * holds, until somebody asks for the text, and are often never read.
 */
export class StreamReader implements AnswerReader {
  readonly #route: RouteName;
  readonly #report = emptyReport();
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  #open: boolean;
  #first = true;
  /** What was parsed ends where an event does. */
  #between = false;
  /** Whole events that were put off, and have one behind them that was not. */
  readonly #passed = new UnreadBytes();
  /** What was put off and may end within an event; the parser has seen all before it. */
  readonly #last = new UnreadBytes();
  /** It ends where an event does. */
  #lastEnds = false;
  /** The last bytes of it while they may be the beginning of what is looked for. */
  #seam = '';

  constructor(route: RouteName) {
    this.#route = route;
    this.#open = READ_EVENT[route] !== undefined;
    this.#parser = createParser({
      maxBufferSize: METERED_UNIT_BYTES,
      onEvent: ({ data }) => this.#readEvent(data),
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') this.#open = false;
      },
    });
  }

  get told(): Readonly<Told> {
    return this.#report;
  }

  /** Bytes that are kept unread. */
  get unread(): number {
    return this.#passed.length + this.#last.length;
  }

  outputUnits(): number {
    this.#readPassed();
    this.#readLast();
    return this.#report.outputUnits;
  }

  push(chunk: Buffer): void {
    if (!this.#open) return;
    let bytes = chunk;
    if (!this.#mayPutOff) {
      const end = firstEventEnd(bytes);
      this.#parse(bytes.subarray(0, end));
      bytes = bytes.subarray(end);
    }
    if (bytes.length === 0) return;
    const at = this.#mayPutOff ? this.#mayTellCount(bytes) : 0;
    if (at === -1) this.#putOff(bytes);
    else this.#readFrom(bytes, at);
  }

  end(): void {}

  /** Its first events tell whether it was refused, and an event that was begun is read to its end. */
  get #mayPutOff(): boolean {
    return this.#between && this.#report.begun;
  }

  /** Where in it something begins that may be a count; -1: nowhere. */
  #mayTellCount(chunk: Buffer): number {
    if (this.#seam !== '' && mayTellCount(this.#seam + chunk.toString('latin1', 0, SEAM))) return 0;
    const [plain, escaped] = [chunk.indexOf(COUNTS), chunk.indexOf(ESCAPED_LETTER)];
    return plain === -1 || escaped === -1 ? Math.max(plain, escaped) : Math.min(plain, escaped);
  }

  #putOff(chunk: Buffer): void {
    this.#last.push(chunk);
    this.#lastEnds = endsEvent(chunk);
    const within = chunk.length > 0 ? chunk[chunk.length - 1] !== LF : this.#seam !== '';
    this.#seam = within ? (this.#seam + chunk.subarray(-SEAM).toString('latin1')).slice(-SEAM) : '';
    if (this.unread > UNREAD_STREAM_BYTES) this.outputUnits();
  }

  /** Reads the event that may tell a count and what follows; what is before it stays put off. */
  #readFrom(chunk: Buffer, at: number): void {
    const begin = lastEventEnd(chunk, at);
    if (begin > 0 || this.#lastEnds) {
      this.#passed.takeFrom(this.#last);
      this.#passed.push(chunk.subarray(0, begin));
      this.#seam = '';
    } else this.#readLast();
    this.#parse(chunk.subarray(begin));
  }

  #readLast(): void {
    if (this.#last.length === 0) return;
    this.#seam = '';
    this.#parse(this.#last.take());
  }

  /** The parser may be within a later event: these have one of their own. */
  #readPassed(): void {
    if (this.#passed.length === 0) return;
    const events = this.#passed.take();
    const parser = createParser({ onEvent: ({ data }) => this.#readEvent(data) });
    // It takes a byte order mark for one only at the beginning, which this is not.
    parser.feed('\n');
    parser.feed(WITHIN.decode(events));
  }

  #parse(chunk: Uint8Array): void {
    if (this.#open) this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
    if (chunk.length > 0) this.#between = endsEvent(chunk);
  }

  #readEvent(data: string): void {
    const report = this.#report;
    const event = jsonObject(data);
    const told = report.begun || event === null ? 'answer' : toldBy(event);
    report.refused ||= told === 'refusal' || (told === 'failure' && this.#first);
    this.#first = false;
    if (event !== null) READ_EVENT[this.#route]?.(report, event);
    report.begun ||= told === 'answer' || report.input !== null;
  }
}

const WITHIN = new TextDecoder('utf-8', { ignoreBOM: true });

function mayTellCount(seam: string): boolean {
  return seam.includes('usage') || seam.includes('\\u00');
}

/** Where the first event ends that does, or all of it. */
function firstEventEnd(bytes: Buffer): number {
  const plain = bytes.indexOf(EVENT_END);
  if (plain !== -1) return plain + EVENT_END.length;
  const crlf = bytes.indexOf(CRLF_EVENT_END);
  return crlf === -1 ? bytes.length : crlf + CRLF_EVENT_END.length;
}

/** Where the last event that ends at `at` or before it does so; 0: none does. */
function lastEventEnd(bytes: Buffer, at: number): number {
  const plain = at < 2 ? -1 : bytes.lastIndexOf(EVENT_END, at - 2);
  const crlf = at < 4 ? -1 : bytes.lastIndexOf(CRLF_EVENT_END, at - 4);
  return Math.max(plain === -1 ? 0 : plain + 2, crlf === -1 ? 0 : crlf + 4);
}

function endsEvent(bytes: Uint8Array): boolean {
  const { length } = bytes;
  if (bytes[length - 1] !== LF) return false;
  if (bytes[length - 2] === LF) return true;
  return length >= 4 && CRLF_EVENT_END.equals(bytes.subarray(-4));
}
