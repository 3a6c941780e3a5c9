import { GuardError } from './guard-error.ts';
import { parseHostileJson } from './hostile-json.ts';
import type { FrameLimits } from './limits.ts';
import { LineSplitter } from './split-lines.ts';
import { unhurried } from './unhurried.ts';

const SPACE = 0x20;
const CARRIAGE_RETURN = 0x0d;
const DATA = Buffer.from('data:');
const DATA_BYTES = DATA.length;
const NEWLINE = Buffer.from('\n');

/**
 * The data of each server-sent event of a sandbox, parsed by `parseHostileJson`: batch by batch, all
 * that one chunk completed. Other fields, comments and events without data are dropped; an event
 * that the stream's end cuts is too.
 *
 * Throws `GuardError` for an event over `limits.frameBytes`, for data that is not JSON within the
 * limits, and for a carriage return inside a line, where parsers differ; what came before it in the
 * same chunk is yielded first.
 */
export async function* eventValues(
  source: AsyncIterable<Uint8Array>,
  limits: FrameLimits,
): AsyncGenerator<unknown[]> {
  const lines = new LineSplitter(limits.frameBytes);
  const event = new PendingEvent(limits);
  for await (const chunk of unhurried(source)) {
    const values: unknown[] = [];
    let broken: unknown = null;
    try {
      for (const line of lines.push(chunk)) event.take(line, values);
    } catch (error) {
      broken = error;
    }
    if (values.length > 0) yield values;
    if (broken !== null) throw broken;
  }
}

class PendingEvent {
  readonly #limits: FrameLimits;
  #data: Uint8Array[] = [];
  #bytes = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Takes a line in; a blank one ends the event, whose data is added to `values`. */
  take(raw: Uint8Array, values: unknown[]): void {
    const line = raw.at(-1) === CARRIAGE_RETURN ? raw.subarray(0, -1) : raw;
    if (line.length > 0 && line.includes(CARRIAGE_RETURN)) {
      throw new GuardError('protocol', 'an event stream with carriage returns inside its lines');
    }
    if (line.length > 0) {
      this.#field(line);
      return;
    }
    const data = this.#data;
    this.#data = [];
    this.#bytes = 0;
    if (data.length > 0) values.push(parseHostileJson(joined(data), this.#limits).value);
  }

  #field(line: Uint8Array): void {
    const { frameBytes } = this.#limits;
    this.#bytes += line.length + 1;
    if (this.#bytes > frameBytes) {
      throw new GuardError('frame_too_large', `an event is longer than ${frameBytes} bytes`);
    }
    if (!isData(line)) return;
    this.#data.push(line.subarray(line[DATA_BYTES] === SPACE ? DATA_BYTES + 1 : DATA_BYTES));
  }
}

/** Byte by byte: for five of them a native call takes longer than all that is done here. */
function isData(line: Uint8Array): boolean {
  for (let at = 0; at < DATA_BYTES; at += 1) if (line[at] !== DATA[at]) return false;
  return true;
}

/** Lines of data are one text; between the tokens of JSON a line break is only white space. */
function joined(data: readonly Uint8Array[]): Uint8Array {
  const [first] = data;
  if (first !== undefined && data.length === 1) return first;
  return Buffer.concat(data.flatMap((part) => [part, NEWLINE]));
}
