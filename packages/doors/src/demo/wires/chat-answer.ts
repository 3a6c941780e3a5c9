import { outputTokens, thinkingTokens } from '../output-limit.ts';
import { inputTokens } from '../prompt.ts';
import type { Reply } from '../reply.ts';
import { type AnswerContext, type Frame, inputPieces, unnamed } from './frame.ts';

const FINISH: Record<Reply['stop'], string> = {
  end: 'stop',
  tools: 'tool_calls',
  length: 'length',
};

/** Usage as Chat Completions has it: cached input and reasoning are parts of the totals. */
function usage({ prompt, reply }: AnswerContext) {
  const input = inputTokens(prompt);
  const output = outputTokens(reply);
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: Math.min(reply.cacheRead, input), audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: thinkingTokens(reply), audio_tokens: 0 },
  };
}

function toolId({ id }: AnswerContext, index: number): string {
  return `call_${id}${index.toString(16).padStart(2, '0')}`;
}

function head(context: AnswerContext, object: string) {
  return {
    id: `chatcmpl-${context.id}`,
    object,
    created: context.created,
    model: context.prompt.model,
    service_tier: 'default',
    system_fingerprint: null,
  };
}

/** The whole Chat Completions answer. */
export function chatAnswer(context: AnswerContext): object {
  const { thinking, text, tools, stop } = context.reply;
  const calls = tools.map(({ name, input }, index) => ({
    id: toolId(context, index),
    type: 'function',
    function: { name, arguments: JSON.stringify(input ?? {}) },
  }));
  const message = {
    role: 'assistant',
    content: text.length > 0 ? text.join('') : null,
    ...(thinking.length > 0 ? { reasoning_content: thinking.join('') } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    refusal: null,
  };
  return {
    ...head(context, 'chat.completion'),
    choices: [{ index: 0, message, logprobs: null, finish_reason: FINISH[stop] }],
    usage: usage(context),
  };
}

/** The Chat Completions stream. Ends after the last delta when it is not to be completed. */
export function* chatStream(context: AnswerContext): Generator<Frame> {
  const { prompt, reply } = context;
  const start = head(context, 'chat.completion.chunk');
  const chunk = (delta: object, finish: string | null, isDelta: boolean) =>
    unnamed(
      {
        ...start,
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
        ...(prompt.includeUsage ? { usage: null } : {}),
      },
      isDelta,
    );
  yield chunk({ role: 'assistant', content: '' }, null, false);
  for (const piece of reply.thinking) yield chunk({ reasoning_content: piece }, null, true);
  for (const piece of reply.text) yield chunk({ content: piece }, null, true);
  for (const [index, { name, input }] of reply.tools.entries()) {
    const id = toolId(context, index);
    const opening = { index, id, type: 'function', function: { name, arguments: '' } };
    yield chunk({ tool_calls: [opening] }, null, false);
    for (const json of inputPieces(input)) {
      yield chunk({ tool_calls: [{ index, function: { arguments: json } }] }, null, true);
    }
  }
  if (reply.pace.ending !== 'complete') return;
  yield chunk({}, FINISH[reply.stop], false);
  if (prompt.includeUsage) yield unnamed({ ...start, choices: [], usage: usage(context) });
  yield { text: 'data: [DONE]\n\n', delta: false };
}
