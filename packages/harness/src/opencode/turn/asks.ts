import type { HarnessEvent } from '../../port.ts';
import type { PermissionRequest, QuestionRequest } from '../events/schema.ts';

type AskEvent = Extract<HarnessEvent, { type: 'ask' }>;

/** Text of one pattern shown in an ask's message, in UTF-16 units. */
const MAX_SHOWN = 500;

/** A permission request as the platform shows it. `input` is the tool call's own input. */
export function permissionAsk(
  request: PermissionRequest,
  tool: string,
  input: unknown,
  raw: unknown,
): AskEvent {
  const what = request.patterns.join(', ').slice(0, MAX_SHOWN);
  return {
    type: 'ask',
    requestId: request.id,
    kind: 'permission',
    tool,
    message: what === '' ? `${request.permission}?` : `${request.permission}: ${what}`,
    input,
    rule: ruleOf(request),
    options: ['approve_once', 'approve_session', 'deny'],
    raw,
  };
}

/**
 * What a grant for the session covers. OpenCode names the patterns that its own "always" would
 * allow; without any, only the same input is covered.
 */
function ruleOf(request: PermissionRequest): string | null {
  if (request.always.length === 0) return null;
  return `${request.permission}: ${[...request.always].sort().join(', ')}`;
}

/** An ask was answered, but not by the platform. */
export function bypassError(requestId: string): Extract<HarnessEvent, { type: 'error' }> {
  return {
    type: 'error',
    code: 'approval_bypassed',
    message: `The ask ${requestId} was answered from inside the sandbox.`,
    retryable: false,
  };
}

/** A question of the agent as the platform shows it. */
export function questionAsk(request: QuestionRequest, raw: unknown): AskEvent {
  const [first] = request.questions;
  return {
    type: 'ask',
    requestId: request.id,
    kind: 'question',
    tool: 'question',
    message: request.questions.map(({ question }) => question).join('\n'),
    input: { questions: request.questions },
    rule: null,
    options: request.questions.length === 1 ? (first?.options ?? []).map(({ label }) => label) : [],
    raw,
  };
}

/**
 * The answer to a question request: one list of chosen labels for each question. A message answers
 * question by question, line by line; the last question takes the lines left over.
 */
export function questionAnswers(request: QuestionRequest, message: string): string[][] {
  const lines = message.split('\n');
  const last = request.questions.length - 1;
  return request.questions.map((question, index) => {
    const answer = index === last ? lines.slice(index).join('\n') : (lines[index] ?? '');
    if (answer.trim() === '') return [];
    if (question.multiple !== true) return [answer.trim()];
    const labels = new Set(question.options.map(({ label }) => label));
    const chosen = answer.split(',').map((label) => label.trim());
    return chosen.every((label) => labels.has(label)) ? chosen : [answer.trim()];
  });
}
