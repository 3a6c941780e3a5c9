import type {
  Decision,
  InputKind,
  KeyProvider,
  StopReason,
  TurnErrorCode,
  WireFamily,
} from '@karta/protocol';
import type { ProtectedPath, Reader, Sandbox } from '@karta/sandbox';

/**
 * The harness port: how the platform drives an agent harness that it did not write. An adapter is
 * one folder that implements {@link Harness} on the real binary and passes the conformance suite.
 */
export type HarnessId = 'opencode' | 'claude-code';

export interface Harness {
  readonly id: HarnessId;
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Finds the installed binary and its exact version, or says what to install. */
  installed(): Promise<Installation>;
  /** Reads an application folder. Pure: the folder is trusted no further than its text. */
  detect(app: AppFolder): Detection;
  /** What a sandbox must hold before the harness can start in it. */
  provision(setup: HarnessSetup): Provision;
  /** Starts the harness in the sandbox, or takes up an earlier session of its. Throws `HarnessError`. */
  open(run: HarnessRun): Promise<HarnessSession>;
  /**
   * A conversation from the harness's own store, oldest first, asked of the reader inside the
   * sandbox; the harness need not run. What it yields is hostile text.
   */
  history(reader: Reader, resumeId: string): AsyncIterable<StoredMessage>;
}

/** The part of a harness that reads applications and runs nothing. */
export type HarnessDetector = Pick<Harness, 'id' | 'name' | 'capabilities' | 'detect'>;

export interface Capabilities {
  /** Wire families the harness can speak, preferred first. */
  families: readonly WireFamily[];
  thinking: boolean;
  /** An agent can be chosen per turn. */
  agentPerTurn: boolean;
  questions: boolean;
  /** Attached images reach the model. */
  images: boolean;
}

export type Installation =
  | { installed: true; version: string; binary: string }
  | { installed: false; message: string };

/** The files of an application that a harness reads, by path relative to the folder. */
export interface AppFolder {
  /** All regular files and links, sorted. */
  paths: readonly string[];
  /** Text of a small file, or `null` when absent or over 1 MB. */
  text(path: string): string | null;
}

export interface Detection {
  /** The folder has this harness's layout. */
  present: boolean;
  /** Agents by name; always at least one, `default`. */
  agents: readonly AgentInfo[];
  skills: readonly string[];
  /** Where remote MCP servers are. */
  mcpHosts: readonly McpHost[];
  /** The folder's own choice of model, such as `anthropic/claude-sonnet-4-5`. */
  model: { name: string; file: string; line: number } | null;
  problems: readonly AppProblem[];
}

/** A remote MCP server of an application, and where the application names it. */
export interface McpHost {
  host: string;
  port: number;
  /** Whether it is spoken to by https. */
  tls: boolean;
  file: string;
  /** From 1. */
  line: number;
}

export interface AgentInfo {
  name: string;
  description: string | null;
  file: string | null;
}

/** Something wrong or doubtful in an application's files. Any `error` refuses the publish. */
export interface AppProblem {
  severity: 'error' | 'warning';
  file: string;
  /** From 1; 0 when the whole file is meant. */
  line: number;
  message: string;
}

/** How the harness reaches a model. The endpoint is a loopback port of the sandbox. */
export interface ModelAccess {
  /** Name of the sandbox's offer; the paths of the families are in `CHANNEL_PATHS`. */
  offer: string;
  /** Sent as the API key. */
  credential: string;
  /** Families some upstream serves, preferred first. */
  families: readonly WireFamily[];
  /**
   * Where no upstream has OpenAI's Responses: the provider whose Chat Completions serve that family.
   */
  chatProvider?: KeyProvider | null;
  /** For an application that names no model: a model per family. */
  defaults: Readonly<Partial<Record<WireFamily, string>>>;
}

export interface HarnessSetup {
  app: AppFolder;
  detection: Detection;
  model: ModelAccess;
}

/** What the platform puts into the sandbox's spec for a harness. */
export interface Provision {
  tools: readonly { source: string; target: string }[];
  files: readonly { target: string; content: string }[];
  protectedPaths: readonly ProtectedPath[];
  listens: readonly string[];
  /** Enough memory for one session. */
  memoryBytes: number;
}

export interface HarnessRun extends HarnessSetup {
  sandbox: Sandbox;
  /** The harness's own id of the conversation to take up, from `HarnessSession.resumeId`. */
  resumeId: string | null;
  /** Extra variables for the harness's processes: `[env]` values that may enter. */
  env: Readonly<Record<string, string>>;
  /**
   * Do now all that the first turn would otherwise wait for, against a model channel that is
   * parked. The session stays unused: no trace of the warming may be in it.
   */
  warm: boolean;
}

export interface HarnessSession {
  /** The harness's own id of the conversation, to be stored; `null` until the harness has named it. */
  readonly resumeId: string | null;
  /**
   * Runs one message to its end. Yields events as they come and `end` last, exactly once, also when
   * the harness dies, the signal aborts or the channel breaks: it throws nothing. Aborting `signal`
   * cancels the turn, and the session stays usable. At most one turn at a time.
   */
  turn(input: TurnInput, signal: AbortSignal): HarnessEvents;
  /**
   * Answers an `ask` of the running turn. The harness's own "always" is never used: remembering is
   * the platform's. Rejects with `HarnessError('unknown_ask')` when it no longer waits.
   */
  answer(requestId: string, answer: AskAnswer): Promise<void>;
  /** Resolves when the harness has ended by itself or was closed; the session is then over. */
  readonly exited: Promise<void>;
  close(): Promise<void>;
}

export interface TurnInput {
  text: string;
  /** `default` is the harness's main agent. */
  agent: string;
  /** Yield `reasoning`. */
  thinking: boolean;
  /** Files below `/workspace` that the message refers to. */
  attachments: readonly { path: string; mediaType: string | null }[];
}

export interface AskAnswer {
  decision: Extract<Decision, 'approve_once' | 'deny'>;
  /** Always told to the agent with a denial; for a question, the answer. */
  message: string;
}

interface Raw {
  /** The harness's own event, when one caused this. */
  raw?: unknown;
}

export type HarnessEvent = Raw &
  (
    | { type: 'text'; text: string }
    | { type: 'reasoning'; text: string }
    | { type: 'tool_use'; toolUseId: string; tool: string; input: unknown }
    | { type: 'tool_result'; toolUseId: string; output: string; isError: boolean }
    | { type: 'step_start'; index: number; description?: string }
    | { type: 'step_finish'; index: number; result?: string }
    | {
        type: 'ask';
        requestId: string;
        kind: InputKind;
        tool: string;
        message: string;
        input: unknown;
        /** What a grant for the session would cover, for example `bash: npm *`; `null`: this exact input. */
        rule: string | null;
        options: readonly string[];
      }
    /** The ask is over. `by: 'harness'` when the platform did not answer it. */
    | {
        type: 'ask_resolved';
        requestId: string;
        decision: 'approve_once' | 'deny';
        by: 'platform' | 'harness';
      }
    | { type: 'file'; path: string; change: 'added' | 'modified' | 'deleted' }
    | { type: 'system'; kind: string; message?: string; detail?: unknown }
    | { type: 'error'; code: TurnErrorCode; message: string; provider?: string; retryable: boolean }
    | { type: 'end'; stopReason: StopReason }
  );

/**
 * Events in order, those together that were there together; no batch is empty, and none waits for
 * more. A flood then costs each layer a step a batch and not a step an event.
 */
export type HarnessEvents = AsyncIterable<readonly HarnessEvent[]>;

/** A message in the harness's own store. */
export interface StoredMessage {
  id: string;
  role: 'user' | 'assistant';
  createdAt: Date | null;
  parts: readonly (
    | { type: 'text'; text: string }
    | { type: 'reasoning'; text: string }
    | { type: 'tool_use'; tool_use_id: string; tool_name: string; tool_input: unknown }
    | { type: 'tool_result'; tool_use_id: string; output: string; is_error: boolean }
  )[];
}

export type HarnessErrorCode =
  | 'not_installed'
  | 'start_failed'
  | 'cannot_resume'
  | 'unknown_ask'
  | 'unsupported'
  | 'closed';

export class HarnessError extends Error {
  readonly code: HarnessErrorCode;
  constructor(code: HarnessErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'HarnessError';
    this.code = code;
  }
}
