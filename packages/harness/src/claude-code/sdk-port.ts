import type { Readable, Writable } from 'node:stream';

/**
 * The part of the Agent SDK that the adapter uses, written down here because the SDK is an optional
 * peer: this package is checked and built without it.
 */
export interface ClaudeSdk {
  query(params: { prompt: AsyncIterable<SdkUserMessage>; options: SdkOptions }): SdkQuery;
}

export interface SdkUserMessage {
  type: 'user';
  message: { role: 'user'; content: string };
  parent_tool_use_id: null;
  session_id: string;
}

export interface SdkOptions {
  pathToClaudeCodeExecutable: string;
  cwd: string;
  env: Record<string, string>;
  /** A new conversation's id; excludes `resume`. */
  sessionId?: string;
  resume?: string;
  model?: string;
  settings: Record<string, unknown>;
  settingSources: readonly 'project'[];
  /** `snapshot: false`: the prompt is rendered anew for each request, so a change of agent counts. */
  systemPrompt: { type: 'preset'; preset: 'claude_code'; snapshot: false };
  includePartialMessages: true;
  disallowedTools: readonly string[];
  canUseTool: CanUseTool;
  spawnClaudeCodeProcess: (options: { args: string[] }) => SpawnedProcess;
}

export type CanUseTool = (
  tool: string,
  input: Record<string, unknown>,
  context: AskContext,
) => Promise<
  | { behavior: 'allow'; updatedInput: Record<string, unknown> }
  | { behavior: 'deny'; message: string }
>;

export interface AskContext {
  signal: AbortSignal;
  toolUseID: string;
  requestId?: string;
  description?: string;
  decisionReason?: string;
  /** Rules that Claude Code would add for an "always"; read for what they cover, never applied. */
  suggestions?: readonly unknown[];
}

export interface SdkQuery extends AsyncIterable<unknown> {
  initializationResult(): Promise<unknown>;
  interrupt(): Promise<unknown>;
  stopTask(taskId: string): Promise<unknown>;
  applyFlagSettings(settings: Record<string, unknown>): Promise<void>;
  setMaxThinkingTokens(tokens: number | null, display: 'summarized' | null): Promise<void>;
  close(): void;
}

/** What the SDK wants of the process it speaks to. */
export interface SpawnedProcess {
  stdin: Writable;
  stdout: Readable;
  readonly killed: boolean;
  readonly exitCode: number | null;
  kill(signal: NodeJS.Signals): boolean;
  on(event: 'exit' | 'error', listener: (...args: unknown[]) => void): unknown;
  once(event: 'exit' | 'error', listener: (...args: unknown[]) => void): unknown;
  off(event: 'exit' | 'error', listener: (...args: unknown[]) => void): unknown;
}
