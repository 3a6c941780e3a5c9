import { relative } from 'node:path/posix';
import type { HarnessEvent } from '../../port.ts';
import {
  type AnyFrame,
  apiRetryFrame,
  assistantFrame,
  isText,
  isToolResult,
  isToolUse,
  resultFrame,
  resultText,
  streamEvent,
  userFrame,
} from './frames.ts';
import { errorOf } from './provider-error.ts';

/** `system` frames that tell nothing a client needs. */
const SILENT = new Set([
  'init',
  'status',
  'thinking_tokens',
  'commands_changed',
  'files_persisted',
  'hook_started',
  'hook_progress',
  'hook_response',
]);

export interface TurnEventsOptions {
  /** Yield `reasoning`. */
  thinking: boolean;
  /** Where the workspace is for processes inside. */
  workspace: string;
}

/** Turns the frames of one turn into events. Frames about the turn's state are not its business. */
export class TurnEvents {
  readonly #options: TurnEventsOptions;
  /** Messages of the main loop that came as a stream: their text is not told again. */
  readonly #streamed = new Set<string>();
  #step = -1;
  #stepOpen = false;
  /** Begun and not told yet. */
  #heldStart: HarnessEvent | null = null;
  #failed = false;
  #maxTurns = false;

  constructor(options: TurnEventsOptions) {
    this.#options = options;
  }

  /** Why the turn ends, as far as the frames have told. */
  get stopReason(): 'end_turn' | 'error' | 'max_turns' {
    if (this.#failed) return 'error';
    return this.#maxTurns ? 'max_turns' : 'end_turn';
  }

  /** The events of one frame, in order, each with the frame as its `raw`. */
  of(frame: AnyFrame): HarnessEvent[] {
    const events = this.#map(frame) ?? [unknownFrame(frame)];
    for (const event of events) event.raw = frame;
    return this.#withStart(events, frame);
  }

  /**
   * A step's start goes with the first thing that happens in it, mostly a word, which comes within a
   * millisecond and would wait until the start alone has passed each layer.
   */
  #withStart(events: HarnessEvent[], frame: AnyFrame): HarnessEvent[] {
    const [first] = events;
    const held = this.#heldStart;
    if (first?.type === 'step_start') {
      this.#heldStart = first;
      return held === null ? [] : [held];
    }
    if (held === null || (first === undefined && !isDelta(frame))) return events;
    this.#heldStart = null;
    return [held, ...events];
  }

  /** `null`: the frame is of a kind, or of a form, that is not known. */
  #map(frame: AnyFrame): HarnessEvent[] | null {
    switch (frame.type) {
      case 'stream_event':
        return this.#stream(frame);
      case 'assistant':
        return this.#assistant(frame);
      case 'user':
        return this.#user(frame);
      case 'result':
        return this.#result(frame);
      case 'system':
        return this.#system(frame);
      case 'command_lifecycle':
        return [];
      default:
        return null;
    }
  }

  #system(frame: AnyFrame): HarnessEvent[] | null {
    if (SILENT.has(frame.subtype ?? '')) return [];
    if (frame.subtype !== 'api_retry') return null;
    const parsed = apiRetryFrame.safeParse(frame);
    if (!parsed.success) return null;
    const { attempt, max_retries: most, error_status: status } = parsed.data;
    const what = status == null ? 'The model call failed' : `The model call failed with ${status}`;
    return [{ type: 'system', kind: 'retry', message: `${what}; retry ${attempt} of ${most}.` }];
  }

  #stream(frame: AnyFrame): HarnessEvent[] | null {
    const parsed = streamEvent.safeParse(frame);
    if (!parsed.success) return null;
    const { event, parent_tool_use_id: parent } = parsed.data;
    if (parent != null) return [];
    switch (event.type) {
      case 'message_start':
        this.#streamed.add(event.message.id);
        this.#step += 1;
        this.#stepOpen = true;
        return [{ type: 'step_start', index: this.#step }];
      case 'content_block_delta':
        return this.#delta(event.delta);
      case 'message_stop':
        return this.#finishStep();
      default:
        return [];
    }
  }

  #delta(delta: { type: string; text?: string | undefined; thinking?: string | undefined }) {
    const events: HarnessEvent[] = [];
    if (delta.type === 'text_delta' && delta.text) events.push({ type: 'text', text: delta.text });
    if (delta.type === 'thinking_delta' && delta.thinking && this.#options.thinking) {
      events.push({ type: 'reasoning', text: delta.thinking });
    }
    return events;
  }

  #finishStep(): HarnessEvent[] {
    if (!this.#stepOpen) return [];
    this.#stepOpen = false;
    return [{ type: 'step_finish', index: this.#step }];
  }

  #assistant(frame: AnyFrame): HarnessEvent[] | null {
    const parsed = assistantFrame.safeParse(frame);
    if (!parsed.success) return null;
    const { message, parent_tool_use_id: parent, is_api_error_message: isError } = parsed.data;
    return message.content.flatMap((block): HarnessEvent[] => {
      if (isToolUse(block)) {
        return [{ type: 'tool_use', toolUseId: block.id, tool: block.name, input: block.input }];
      }
      if (parent != null) return isText(block) ? [aside(parent, block.text)] : [];
      // A failed call's text is told as the error of its result.
      if (!isText(block) || isError || this.#streamed.has(message.id)) return [];
      return [{ type: 'text', text: block.text }];
    });
  }

  #user(frame: AnyFrame): HarnessEvent[] | null {
    const parsed = userFrame.safeParse(frame);
    if (!parsed.success) return null;
    const { message, tool_use_result: detail, isSynthetic } = parsed.data;
    const { content } = message;
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    return blocks.flatMap((block): HarnessEvent[] => {
      if (isText(block)) {
        return isSynthetic ? [{ type: 'system', kind: 'note', message: block.text }] : [];
      }
      if (!isToolResult(block)) return [];
      const isError = block.is_error ?? false;
      const output = resultText(block.content);
      const result: HarnessEvent = {
        type: 'tool_result',
        toolUseId: block.tool_use_id,
        output,
        isError,
      };
      return isError ? [result] : [result, ...this.#files(detail)];
    });
  }

  /** The file that a tool's own account of its work names. */
  #files(detail: unknown): HarnessEvent[] {
    if (typeof detail !== 'object' || detail === null) return [];
    const { filePath, type, structuredPatch } = detail as Record<string, unknown>;
    if (typeof filePath !== 'string' || !Array.isArray(structuredPatch)) return [];
    const path = relative(this.#options.workspace, filePath);
    if (path === '' || path.startsWith('..')) return [];
    return [{ type: 'file', path, change: type === 'create' ? 'added' : 'modified' }];
  }

  #result(frame: AnyFrame): HarnessEvent[] | null {
    const parsed = resultFrame.safeParse(frame);
    if (!parsed.success) return null;
    const error = errorOf(parsed.data);
    this.#failed = error !== null;
    this.#maxTurns = parsed.data.subtype === 'error_max_turns';
    return error === null ? this.#finishStep() : [...this.#finishStep(), error];
  }
}

function isDelta(frame: AnyFrame): boolean {
  const { event } = frame as { event?: { type?: unknown } };
  return event?.type === 'content_block_delta';
}

function unknownFrame(frame: AnyFrame): HarnessEvent {
  const kind = frame.type === 'system' ? (frame.subtype ?? 'system') : frame.type;
  return { type: 'system', kind };
}

/** A sub-agent's words are no part of the answer. */
function aside(toolUseId: string, text: string): HarnessEvent {
  return { type: 'system', kind: 'subagent', message: text, detail: { tool_use_id: toolUseId } };
}
