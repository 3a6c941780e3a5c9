import type { Usage } from '@karta/protocol';
import type { Reader } from '@karta/sandbox';
import type { Harness, HarnessSession } from '../port.ts';
import type { ScriptStep, ScriptTool } from './script.ts';

/** What differs between harnesses in a script: the names and inputs of their tools. */
export interface Dialect {
  /** A shell command, run in the workspace. */
  shell(command: string): ScriptTool;
  /** A sub-agent that is waited for, with the prompt it is given. */
  subAgent(prompt: string): ScriptTool;
  /** A sub-agent that works on while the conversation goes on. */
  backgroundAgent(prompt: string): ScriptTool;
  /** A question with choices; `null` when the harness cannot ask. */
  question: ((question: string, choices: readonly string[]) => ScriptTool) | null;
  /** The tool `echo` of the fixture's MCP server `echo`. */
  mcpEcho(text: string): ScriptTool;
  /** Loads the fixture's skill. */
  skill(name: string): ScriptTool;
  /**
   * Steps that make the harness tell something which the platform has no event for, and the `kind`
   * of the `system` event that it becomes.
   */
  unknownEvent: { steps: ScriptStep[]; kind: RegExp };
  /** Configuration files of the fixture `basic` that an agent must not be able to change. */
  protectedFiles: readonly string[];
  /** Such files that `basic` lacks: an agent may write them, and the next start knows nothing of it. */
  absentFiles: readonly string[];
  /** A well-formed id of a conversation that does not exist. */
  unknownId: string;
  /** The release's own variables: switches that the cases need. */
  env: Readonly<Record<string, string>>;
}

/** Commands of the fixtures' `tool.sh`, which `basic` lets run without asking. */
export const FREE = {
  /** Prints `word`. */
  word: 'sh tool.sh word',
  /** Lists the workspace. */
  list: 'sh tool.sh list',
  /** Sleeps for hours. */
  sleep: 'sh tool.sh sleep',
  /** Prints `sleepers: N`, the number of such sleepers that live. */
  sleepers: 'sh tool.sh sleepers',
  /** Prints what a file holds, if there is one. */
  show: (path: string) => `sh tool.sh show ${path}`,
  /** Tries by all means to change a file, then prints what it holds between `<` and `>`. */
  overwrite: (path: string) => `sh tool.sh overwrite ${path}`,
} as const;

/**
 * Fixture applications, by name; each harness has all of them in its own format, below
 * `fixtures/<harness id>/`.
 *
 * `basic`: the shell tool asks, except for the commands {@link FREE}; everything else needs no
 * asking. Agents `default` and `reviewer` (knows the word `tangerine`), skill `roasting` (its body
 * holds `cinnamon-first`), stdio MCP server `echo` (`.mcp-echo.mjs`, run by `node`), slash command
 * `/hello NAME`.
 * `open`: no tool asks.
 * `hostile`: tries by every setting to lead the harness away from the platform's model, to
 * `TRAP_URL`.
 */
export type Fixture = 'basic' | 'open' | 'hostile';

/** Stands in fixture files for the address of a server that nobody must call. */
export const TRAP_URL = 'http://trap.invalid';

export interface BootOptions {
  fixture: Fixture;
  /** Take up what an earlier one left; default a new volume. */
  volume?: string;
  resumeId?: string | null;
  /** Start on a parked channel and warm up. */
  warm?: boolean;
}

/** A harness that runs in a sandbox of its own. */
export interface Stand {
  session: HarnessSession;
  volume: string;
  /** Reads the conversation's store, beside the harness or without it. */
  reader(): Promise<Reader>;
  /** A parked channel becomes a session's. */
  claim(): Promise<void>;
  /** What the model proxy counts while `work` runs. */
  metered<T>(work: () => Promise<T>): Promise<{ result: T; usage: Usage; calls: number }>;
  /** Ends the harness's process as the kernel would. */
  killHarness(): void;
  /** Breaks every connection that leads from the platform into the sandbox. */
  cutConnections(): void;
  /** Ends the sandbox; the volume stays. */
  end(): Promise<void>;
}

/** Everything a harness needs to be put through the suite. */
export interface ConformanceKit {
  harness: Harness;
  dialect: Dialect;
  /** The sandbox keeps protected paths from being written. */
  protects: boolean;
  boot(options: BootOptions): Promise<Stand>;
  /** Connections that were made to `TRAP_URL`. */
  trapped(): number;
  close(): Promise<void>;
}
