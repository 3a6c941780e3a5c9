import type { EventBody } from '@karta/protocol';
import type { RunnerEvent } from '../runner/port.ts';

/** What a harness tells, without what the engine handles itself. */
export type ToldEvent = Exclude<RunnerEvent, { type: 'end' | 'ask' | 'ask_resolved' }>;

/** An event of a harness in the form every client knows. */
export function bodyOf(event: ToldEvent): EventBody {
  const body = plainBodyOf(event);
  if (event.raw !== undefined) body.raw = event.raw;
  return body;
}

function plainBodyOf(event: ToldEvent): EventBody {
  switch (event.type) {
    case 'text':
      return { type: 'text', data: { part: { type: 'text', text: event.text } } };
    case 'reasoning':
      return { type: 'reasoning', data: { part: { type: 'reasoning', text: event.text } } };
    case 'tool_use':
      return {
        type: 'tool_use',
        data: { tool_use_id: event.toolUseId, tool_name: event.tool, tool_input: event.input },
      };
    case 'tool_result':
      return {
        type: 'tool_result',
        data: { tool_use_id: event.toolUseId, output: event.output, is_error: event.isError },
      };
    case 'step_start':
      return {
        type: 'step_start',
        data: { step_index: event.index, ...optional('description', event.description) },
      };
    case 'step_finish':
      return {
        type: 'step_finish',
        data: { step_index: event.index, ...optional('result', event.result) },
      };
    case 'file':
      return { type: 'file', data: { path: event.path, change: event.change } };
    case 'system':
      return {
        type: 'system',
        data: {
          kind: event.kind,
          ...optional('message', event.message),
          ...optional('detail', event.detail),
        },
      };
    case 'error':
      return {
        type: 'error',
        data: {
          code: event.code,
          message: event.message,
          ...optional('provider', event.provider),
          retryable: event.retryable,
        },
      };
  }
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
