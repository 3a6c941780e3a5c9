/** What the demo model answers, before it is put into a wire format. */
export interface Reply {
  /** Pieces of thinking, each one delta. */
  thinking: readonly string[];
  /** Pieces of text, each one delta. */
  text: readonly string[];
  tools: readonly ToolCall[];
  stop: 'end' | 'tools' | 'length';
  /** Tokens of the input that count as read from and written to the provider's cache. */
  cacheRead: number;
  cacheWrite: number;
  pace: Pace;
}

export interface ToolCall {
  name: string;
  input: unknown;
}

export interface Pace {
  /** Milliseconds before the first byte, head included. */
  delayMs: number;
  /** Milliseconds between two deltas. */
  gapMs: number;
  /** `hang`: never ends. `break`: the connection is cut after the last delta. */
  ending: 'complete' | 'hang' | 'break';
}

export const AT_ONCE: Pace = { delayMs: 0, gapMs: 0, ending: 'complete' };

/** A plain text answer. */
export function say(text: readonly string[], pace: Pace = AT_ONCE): Reply {
  return { thinking: [], text, tools: [], stop: 'end', cacheRead: 0, cacheWrite: 0, pace };
}
