import type { TextPart, ToolPart } from '../events/schema.ts';

/**
 * Sub-agents that work on while the conversation goes on. Their tool call ends at once; OpenCode
 * tells the agent of the result later, by a message in the user's place, and the agent goes on.
 */
export class BackgroundTasks {
  /** Sub-sessions whose result the agent has not yet been told. */
  readonly #running = new Set<string>();
  /** The agent was told of one, and is about to go on. */
  #resuming = false;

  /** The session has nothing to wait for. */
  get settled(): boolean {
    return this.#running.size === 0 && !this.#resuming;
  }

  /** Looks at a tool call of the session: did it send a sub-agent into the background? */
  called({ state }: ToolPart, child: string): void {
    if (state.status === 'completed' && state.metadata?.background === true) {
      this.#running.add(child);
    }
  }

  /** Looks at a text in the user's place: is it a result? */
  told({ text }: TextPart): void {
    if (this.#running.size === 0) return;
    const child = /^<task id="([^"]+)"/.exec(text)?.[1];
    if (child !== undefined && this.#running.delete(child)) this.#resuming = true;
  }

  /** The agent works. */
  resumed(): void {
    this.#resuming = false;
  }
}
