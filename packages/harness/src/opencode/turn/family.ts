import { GuardError } from '../../guard/index.ts';
import type { SessionStatus } from '../events/schema.ts';

/** Sub-sessions that one session may have; more is no agent's work. */
const MAX_CHILDREN = 10_000;

/** A sub-agent's session. */
export interface Child {
  /** The tool call that started it, `null` until that is known. */
  toolUseId: string | null;
  agent: string | null;
}

/**
 * The session and the sub-sessions that its agent has started, and which of them are at work.
 * Lives as long as the session: a later turn may wake a sub-agent of an earlier one.
 */
export class Family {
  readonly root: string;
  readonly #children = new Map<string, Child>();
  readonly #busy = new Set<string>();
  #lastMessageId = '';

  constructor(root: string) {
    this.root = root;
  }

  /** The newest message told of in the session itself; ids ascend with time. */
  get lastMessageId(): string {
    return this.#lastMessageId;
  }

  sawMessage(sessionId: string, messageId: string): void {
    if (sessionId === this.root && messageId > this.#lastMessageId) this.#lastMessageId = messageId;
  }

  has(sessionId: string): boolean {
    return sessionId === this.root || this.#children.has(sessionId);
  }

  child(sessionId: string): Child | undefined {
    return this.#children.get(sessionId);
  }

  /** Learns of a sub-session of `parentId`, or more about a known one. */
  adopt(sessionId: string, parentId: string, about: Partial<Child>): void {
    if (sessionId === this.root || !this.has(parentId)) return;
    const known = this.#children.get(sessionId);
    if (known === undefined && this.#children.size >= MAX_CHILDREN) {
      throw new GuardError('protocol', `a session with more than ${MAX_CHILDREN} sub-sessions`);
    }
    this.#children.set(sessionId, {
      toolUseId: about.toolUseId ?? known?.toolUseId ?? null,
      agent: about.agent ?? known?.agent ?? null,
    });
  }

  status(sessionId: string, status: SessionStatus['type']): void {
    if (!this.has(sessionId)) return;
    if (status === 'idle') this.#busy.delete(sessionId);
    else this.#busy.add(sessionId);
  }

  get idle(): boolean {
    return this.#busy.size === 0;
  }

  /** Sub-sessions that are at work. */
  get busyChildren(): string[] {
    return [...this.#busy].filter((sessionId) => sessionId !== this.root);
  }
}
