import { GuardError } from './guard-error.ts';
import { parseHostileJson } from './hostile-json.ts';
import type { FrameLimits } from './limits.ts';
import { splitLines } from './split-lines.ts';

const COLON = 0x3a;
const CARRIAGE_RETURN = 0x0d;
const FIELDS = new Set(['event', 'id', 'data']);

/**
 * Reads server-sent events of a sandbox and writes them anew in one canonical form: line feeds only,
 * known fields only, JSON data cleaned. Two parsers may split odd framing differently, and what one
 * bounds the other would collect without end; the canonical form has one reading.
 *
 * Comments and events without data are dropped. Throws `GuardError` for an event over
 * `limits.frameBytes`, or whose data is not JSON within the limits.
 */
export async function* canonicalEvents(
  source: AsyncIterable<Uint8Array>,
  limits: FrameLimits,
): AsyncGenerator<Uint8Array> {
  let event = new PendingEvent();
  for await (const raw of splitLines(source, limits.frameBytes)) {
    const line = raw.at(-1) === CARRIAGE_RETURN ? raw.subarray(0, -1) : raw;
    if (line.includes(CARRIAGE_RETURN)) {
      throw new GuardError('protocol', 'an event stream with carriage returns inside its lines');
    }
    if (line.length > 0) {
      event.add(line, limits.frameBytes);
      continue;
    }
    const frame = event.frame(limits);
    if (frame !== null) yield frame;
    event = new PendingEvent();
  }
}

class PendingEvent {
  readonly #data: Uint8Array[] = [];
  #head = '';
  #bytes = 0;

  add(line: Uint8Array, maxBytes: number): void {
    this.#bytes += line.length + 1;
    if (this.#bytes > maxBytes) {
      throw new GuardError('frame_too_large', `an event is longer than ${maxBytes} bytes`);
    }
    const colon = line.indexOf(COLON);
    const name = new TextDecoder().decode(colon === -1 ? line : line.subarray(0, colon));
    if (!FIELDS.has(name) || colon === -1) return;
    const value = line.subarray(line[colon + 1] === 0x20 ? colon + 2 : colon + 1);
    if (name === 'data') this.#data.push(value);
    else this.#head += `${name}: ${new TextDecoder().decode(value)}\n`;
  }

  frame(limits: FrameLimits): Uint8Array | null {
    if (this.#data.length === 0) return null;
    const newline = Buffer.from('\n');
    const data = Buffer.concat(this.#data.flatMap((part) => [part, newline]));
    // JSON without its line breaks is still the same JSON: they stand only between its tokens.
    const text = parseHostileJson(data, limits).text.replaceAll('\n', ' ');
    return Buffer.from(`${this.#head}data: ${text}\n\n`);
  }
}
