import { createParser } from 'eventsource-parser';

type Json = Record<string, unknown>;

/** HTTP statuses that providers would have answered, had they known before the stream began. */
const STATUS_OF: Readonly<Record<string, number>> = {
  overloaded_error: 529,
  server_overloaded: 503,
  service_unavailable: 503,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  requests: 429,
  tokens: 429,
  api_error: 500,
  server_error: 500,
  internal_server_error: 500,
  timeout_error: 504,
};
/** What an event that tells an error cannot do without, and the one other way to spell its letters. */
const ERROR = Buffer.from('error');
const ESCAPED_LETTER = Buffer.from('\\u00');
/** Of an error that is none of these: it will not pass by itself. */
const LASTING = 400;

/** Whether an event of a stream, on any wire, tells an error and nothing else. */
export function isErrorEvent(event: Json): boolean {
  if (event.type === 'error') return true;
  return isObject(event.error) && event.type === undefined && !Array.isArray(event.choices);
}

/** Events of Responses that come before anything is made. */
const PREAMBLE = new Set(['response.created', 'response.queued', 'response.in_progress']);
/** What a provider refuses a call for before it makes anything, and so does not bill. */
const REFUSALS = new Set(['insufficient_quota', 'rate_limit_exceeded']);

/** What an event says of a call: only that it is there, that it was refused, failed, or is answered. */
export type Told = 'nothing' | 'refusal' | 'failure' | 'answer';

/**
 * What an event of a stream tells, on any wire. Responses says that it has a call before it looks
 * whether it takes it, and its refusals come after that.
 */
export function toldBy(event: Json): Told {
  if (PREAMBLE.has(String(event.type))) return 'nothing';
  const failed = event.type === 'response.failed' && isObject(event.response);
  if (!failed && !isErrorEvent(event)) return 'answer';
  const source = failed ? (event.response as Json) : event;
  const error = isObject(source.error) ? source.error : source;
  return REFUSALS.has(String(error.code)) ? 'refusal' : 'failure';
}

/**
 * The status that the first event of a stream stands for when it is an error; `null` when it is
 * none, or the bytes hold no whole event.
 */
export function firstEventStatus(bytes: Buffer): number | null {
  if (!bytes.includes(ERROR) && !bytes.includes(ESCAPED_LETTER)) return null;
  let first: string | null = null;
  const parser = createParser({
    onEvent({ data }) {
      first ??= data;
    },
  });
  parser.feed(new TextDecoder().decode(bytes));
  const event = first === null ? null : parsed(first);
  return event !== null && isErrorEvent(event) ? statusOf(event) : null;
}

function statusOf(event: Json): number {
  const error = isObject(event.error) ? event.error : event;
  for (const told of [error.type, error.code, error.status]) {
    if (Number.isInteger(told) && (told as number) >= 400) return told as number;
    const status = typeof told === 'string' ? STATUS_OF[told] : undefined;
    if (status !== undefined) return status;
  }
  return LASTING;
}

function parsed(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    // Not JSON: no error that anybody could read.
    return null;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
