import { type AnyFrame, backgroundTasksFrame, sessionStateFrame } from './frames.ts';

/**
 * Whether Claude Code has come to rest. It says `running` and `idle` of its main loop and of
 * sub-agents; shells in the background are apart and, when they end, start the main loop again.
 */
export class TurnState {
  #begun = false;
  #loop: 'idle' | 'busy' = 'idle';
  #tasks: readonly string[] = [];
  /** The last task ended while the loop was idle: the loop may be about to go on. */
  #settling = false;

  /** Takes a `system` frame; whether it was about the state. */
  take(frame: AnyFrame): boolean {
    if (frame.subtype === 'session_state_changed') {
      const parsed = sessionStateFrame.safeParse(frame);
      if (!parsed.success) return false;
      this.#loop = parsed.data.state === 'idle' ? 'idle' : 'busy';
      this.#begun ||= this.#loop === 'busy';
      this.#settling = false;
      return true;
    }
    if (frame.subtype === 'background_tasks_changed') {
      const parsed = backgroundTasksFrame.safeParse(frame);
      if (!parsed.success) return false;
      const had = this.#tasks.length > 0;
      this.#tasks = parsed.data.tasks.map((task) => task.task_id);
      this.#settling = had && this.#tasks.length === 0 && this.#loop === 'idle';
      return true;
    }
    return false;
  }

  get tasks(): readonly string[] {
    return this.#tasks;
  }

  get loopIdle(): boolean {
    return this.#begun && this.#loop === 'idle';
  }

  /** `settling`: at rest, unless the loop goes on within moments. */
  get rest(): 'no' | 'settling' | 'yes' {
    if (!this.loopIdle || this.#tasks.length > 0) return 'no';
    return this.#settling ? 'settling' : 'yes';
  }
}
