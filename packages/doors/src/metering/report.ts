import type { PricedCounts } from '@karta/protocol';
import { COUNTED_TOKENS } from '../limits.ts';
import type { RouteName } from '../wire/routes.ts';

/**
 * What one answer has told of its tokens so far. Input and output are reported apart: a stream that
 * breaks off has often told its input only.
 */
export interface Report {
  input: Required<Omit<PricedCounts, 'output_tokens' | 'reasoning_tokens'>> | null;
  output: number | null;
  /** Of the output, what was reasoning, as far as it was told. */
  reasoning: number;
  /** The provider's final word on the output has come. */
  final: boolean;
  /** UTF-16 units of output seen: text, thinking, tool input. */
  outputUnits: number;
  /** A stream told something of an answer, or of what it costs. */
  begun: boolean;
  /** Before that it told that the call is refused, for which nobody bills. */
  refused: boolean;
}

export function emptyReport(): Report {
  return {
    ...{ input: null, output: null, reasoning: 0, final: false, outputUnits: 0 },
    ...{ begun: false, refused: false },
  };
}

type Json = Record<string, unknown>;
type ReadEvent = (report: Report, event: Json) => void;

/** Adds one stream event, already parsed, to the report. */
export const READ_EVENT: Partial<Record<RouteName, ReadEvent>> = {
  messages: readAnthropicEvent,
  chat: readChatChunk,
  responses: readResponsesEvent,
};

/** Adds a whole answer, already parsed, to the report. */
export const READ_ANSWER: Partial<Record<RouteName, ReadEvent>> = {
  messages: (report, answer) => readAnthropicUsage(report, object(answer.usage), true),
  chat: (report, answer) => readOpenAiUsage(report, object(answer.usage)),
  responses: (report, answer) => readOpenAiUsage(report, object(answer.usage)),
};

function readAnthropicEvent(report: Report, event: Json): void {
  if (event.type === 'message_start') {
    readAnthropicUsage(report, object(object(event.message).usage), false);
  } else if (event.type === 'message_delta') {
    readAnthropicUsage(report, object(event.usage), true);
  } else if (event.type === 'content_block_delta') {
    const { text, thinking, partial_json } = object(event.delta);
    report.outputUnits += length(text) + length(thinking) + length(partial_json);
  }
}

/** On this wire `input_tokens` leaves out what caches read or stored; counts are cumulative. */
function readAnthropicUsage(report: Report, usage: Json, final: boolean): void {
  const plain = count(usage.input_tokens);
  if (plain !== null) {
    const read = count(usage.cache_read_input_tokens) ?? report.input?.cache_read_tokens ?? 0;
    const written =
      count(usage.cache_creation_input_tokens) ?? report.input?.cache_write_tokens ?? 0;
    const long = count(object(usage.cache_creation).ephemeral_1h_input_tokens);
    report.input = {
      input_tokens: plain + read + written,
      cache_read_tokens: read,
      cache_write_tokens: written,
      cache_write_1h_tokens: long ?? report.input?.cache_write_1h_tokens ?? 0,
    };
  }
  const output = count(usage.output_tokens);
  if (output === null) return;
  report.output = output;
  report.reasoning = count(object(usage.output_tokens_details).thinking_tokens) ?? report.reasoning;
  report.final ||= final;
}

/** On these wires cached input is part of the input and reasoning part of the output. */
function readOpenAiUsage(report: Report, usage: Json): void {
  const input = count(usage.prompt_tokens) ?? count(usage.input_tokens);
  const output = count(usage.completion_tokens) ?? count(usage.output_tokens);
  if (input === null || output === null) return;
  const details = object(usage.prompt_tokens_details ?? usage.input_tokens_details);
  const cached = count(details.cached_tokens) ?? 0;
  const written = count(details.cache_write_tokens) ?? 0;
  report.input = {
    input_tokens: Math.max(input, cached + written),
    cache_read_tokens: cached,
    cache_write_tokens: written,
    cache_write_1h_tokens: 0,
  };
  report.output = output;
  const of = object(usage.completion_tokens_details ?? usage.output_tokens_details);
  report.reasoning = count(of.reasoning_tokens) ?? 0;
  report.final = true;
}

function readChatChunk(report: Report, chunk: Json): void {
  readOpenAiUsage(report, object(chunk.usage));
  for (const choice of list(chunk.choices)) {
    const delta = object(object(choice).delta);
    report.outputUnits += length(delta.content) + length(delta.refusal);
    report.outputUnits += length(delta.reasoning_content) || length(delta.reasoning);
    for (const call of list(delta.tool_calls)) {
      const { name, arguments: json } = object(object(call).function);
      report.outputUnits += length(name) + length(json);
    }
  }
}

function readResponsesEvent(report: Report, event: Json): void {
  readOpenAiUsage(report, object(object(event.response).usage));
  report.outputUnits += length(event.delta);
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function length(value: unknown): number {
  return typeof value === 'string' ? value.length : 0;
}

/** A token count, or `null` for anything that cannot be one. */
function count(value: unknown): number | null {
  if (!Number.isSafeInteger(value)) return null;
  const tokens = value as number;
  return tokens >= 0 && tokens <= COUNTED_TOKENS ? tokens : null;
}
