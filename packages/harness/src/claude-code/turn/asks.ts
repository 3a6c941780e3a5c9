import { type AskAnswer, HarnessError, type HarnessEvent } from '../../port.ts';
import type { AskContext, CanUseTool } from '../sdk-port.ts';
import { answersFor, optionsOf, QUESTION_TOOL, questionText } from './question.ts';
import { ruleOf } from './rule.ts';

type Permission = Awaited<ReturnType<CanUseTool>>;

/** Asks of one session that may wait at once; Claude Code asks one by one, sub-agents beside it. */
const MAX_PENDING = 64;

interface Pending {
  input: Record<string, unknown>;
  isQuestion: boolean;
  settle: (answer: Permission, event: Extract<HarnessEvent, { type: 'ask_resolved' }>) => void;
}

/** The asks that wait for an answer. */
export class Asks {
  readonly #pending = new Map<string, Pending>();
  readonly #emit: (event: HarnessEvent) => void;
  #accepting = false;

  constructor(emit: (event: HarnessEvent) => void) {
    this.#emit = emit;
  }

  /** Whether a turn runs that can tell of asks. Those that wait when none does are dropped. */
  accept(accepting: boolean): void {
    if (!accepting) this.dropAll();
    this.#accepting = accepting;
  }

  /** Called by the SDK; resolves once the ask is answered or dropped. */
  readonly canUseTool: CanUseTool = (tool, input, context) => {
    if (!this.#accepting || context.signal.aborted) {
      return Promise.resolve(denied('No turn is running.'));
    }
    if (this.#pending.size >= MAX_PENDING) return Promise.resolve(denied('Too many asks at once.'));
    const requestId = context.requestId ?? context.toolUseID;
    const isQuestion = tool === QUESTION_TOOL;
    this.#emit({
      type: 'ask',
      requestId,
      kind: isQuestion ? 'question' : 'permission',
      tool,
      message: isQuestion ? questionText(input) : messageOf(tool, context),
      input,
      rule: isQuestion ? null : ruleOf(tool, context.suggestions ?? []),
      options: isQuestion ? optionsOf(input) : [],
    });
    return new Promise<Permission>((resolve) => {
      const drop = () => this.#drop(requestId);
      this.#pending.set(requestId, {
        input,
        isQuestion,
        settle: (answer, event) => {
          this.#pending.delete(requestId);
          context.signal.removeEventListener('abort', drop);
          this.#emit(event);
          resolve(answer);
        },
      });
      context.signal.addEventListener('abort', drop, { once: true });
    });
  };

  /** Throws `HarnessError('unknown_ask')` when the ask does not wait. */
  answer(requestId: string, { decision, message }: AskAnswer): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) throw new HarnessError('unknown_ask', 'this ask no longer waits');
    const event = { type: 'ask_resolved', requestId, decision, by: 'platform' } as const;
    pending.settle(decision === 'deny' ? denied(message) : allowed(pending, message), event);
  }

  /** The process is gone, or the turn: nobody waits any more. */
  dropAll(): void {
    for (const requestId of [...this.#pending.keys()]) this.#drop(requestId);
  }

  #drop(requestId: string): void {
    const event = { type: 'ask_resolved', requestId, decision: 'deny', by: 'harness' } as const;
    this.#pending.get(requestId)?.settle(denied('Dropped.'), event);
  }
}

function allowed({ input, isQuestion }: Pending, message: string): Permission {
  return { behavior: 'allow', updatedInput: isQuestion ? answersFor(input, message) : input };
}

function denied(message: string): Permission {
  // Claude Code's model goes on after a denial only if it is told something.
  return { behavior: 'deny', message: message.trim() === '' ? 'Denied.' : message };
}

function messageOf(tool: string, { description, decisionReason }: AskContext): string {
  return [`Allow ${tool}?`, description, decisionReason]
    .filter((part) => typeof part === 'string' && part !== '')
    .join(' ');
}
