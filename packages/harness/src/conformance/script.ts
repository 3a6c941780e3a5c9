/** One model call of a script, as the demo model of the doors reads it. */
export interface ScriptStep {
  think?: string;
  text?: string;
  tools?: ScriptTool[];
  /** Pieces that `text` is sent in, and the milliseconds between them. */
  n?: number;
  gap?: number;
  /** Milliseconds before the first byte. */
  delay?: number;
  err?: 400 | 401 | 402 | 429 | 500 | 529;
  /** Refuse the first so many tries only. */
  times?: number;
  /** Never end. */
  hang?: boolean;
  /** Cut the connection. */
  break?: boolean;
}

export interface ScriptTool {
  name: string;
  input: unknown;
}

/** A message that makes the model say and do exactly these steps. */
export function scripted(...steps: ScriptStep[]): string {
  return `Please do this: @@${JSON.stringify(steps)}@@`;
}

/** A prompt for a sub-agent that carries its own script, to stand inside a tool's input. */
export function carried(...steps: ScriptStep[]): string {
  return `Please do this: %%${JSON.stringify(steps)}%%`;
}
