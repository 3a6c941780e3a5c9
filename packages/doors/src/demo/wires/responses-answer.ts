import { outputTokens, thinkingTokens } from '../output-limit.ts';
import { inputTokens } from '../prompt.ts';
import { type AnswerContext, type Frame, inputPieces, named } from './frame.ts';

type Event = { type: string; [field: string]: unknown };

/** The response object in a given state; `output` and `usage` are there when it is over. */
function response(context: AnswerContext, status: string, output: unknown[], over: boolean) {
  const { prompt, reply } = context;
  return {
    id: `resp_${context.id}`,
    object: 'response',
    created_at: context.created,
    status,
    background: false,
    error: null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: null,
    max_output_tokens: prompt.maxOutputTokens,
    model: prompt.model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: over ? usage(prompt, reply) : null,
    metadata: {},
  };
}

/** Usage as Responses has it: cached input and reasoning are parts of the totals. */
function usage(prompt: AnswerContext['prompt'], reply: AnswerContext['reply']) {
  const input = inputTokens(prompt);
  const output = outputTokens(reply);
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: Math.min(reply.cacheRead, input) },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: thinkingTokens(reply) },
    total_tokens: input + output,
  };
}

function reasoningItem({ id, reply }: AnswerContext) {
  const summary = [{ type: 'summary_text', text: reply.thinking.join('') }];
  return { id: `rs_${id}`, type: 'reasoning', summary, encrypted_content: null };
}

function textPart(text: string) {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function messageItem({ id, reply }: AnswerContext) {
  return {
    id: `msg_${id}`,
    type: 'message',
    status: 'completed',
    role: 'assistant',
    content: [textPart(reply.text.join(''))],
  };
}

function callItem({ id, reply }: AnswerContext, index: number) {
  const tool = reply.tools[index];
  const suffix = `${id}${index.toString(16).padStart(2, '0')}`;
  return {
    id: `fc_${suffix}`,
    type: 'function_call',
    status: 'completed',
    call_id: `call_${suffix}`,
    name: tool?.name ?? '',
    arguments: JSON.stringify(tool?.input ?? {}),
  };
}

function items(context: AnswerContext): unknown[] {
  const { thinking, text, tools } = context.reply;
  return [
    ...(thinking.length > 0 ? [reasoningItem(context)] : []),
    ...(text.length > 0 ? [messageItem(context)] : []),
    ...tools.map((_, index) => callItem(context, index)),
  ];
}

function finalStatus({ reply }: AnswerContext): 'completed' | 'incomplete' {
  return reply.stop === 'length' ? 'incomplete' : 'completed';
}

/** The whole Responses answer. */
export function responsesAnswer(context: AnswerContext): object {
  return response(context, finalStatus(context), items(context), true);
}

/** The Responses stream. Ends after the last delta when it is not to be completed. */
export function* responsesStream(context: AnswerContext): Generator<Frame> {
  let sequence = 0;
  for (const { event, delta } of events(context)) {
    yield named({ ...event, sequence_number: sequence }, delta);
    sequence += 1;
  }
}

interface Step {
  event: Event;
  delta?: boolean;
}

function* events(context: AnswerContext): Generator<Step> {
  const { thinking, text, tools, pace } = context.reply;
  const complete = pace.ending === 'complete';
  const started = response(context, 'in_progress', [], false);
  yield { event: { type: 'response.created', response: started } };
  yield { event: { type: 'response.in_progress', response: started } };
  let index = 0;
  if (thinking.length > 0) {
    const last = text.length === 0 && tools.length === 0;
    yield* reasoningEvents(context, index, complete || !last);
    index += 1;
  }
  if (text.length > 0) {
    yield* messageEvents(context, index, complete || tools.length > 0);
    index += 1;
  }
  for (const call of tools.keys()) {
    yield* callEvents(context, call, index, complete || call < tools.length - 1);
    index += 1;
  }
  if (!complete) return;
  const status = finalStatus(context);
  const over = response(context, status, items(context), true);
  yield { event: { type: `response.${status}`, response: over } };
}

function* reasoningEvents(context: AnswerContext, output_index: number, close: boolean) {
  const item = reasoningItem(context);
  const at = { item_id: item.id, output_index, summary_index: 0 };
  const part = item.summary[0];
  yield added({ ...item, summary: [] }, output_index);
  const empty = { type: 'summary_text', text: '' };
  yield { event: { type: 'response.reasoning_summary_part.added', ...at, part: empty } };
  for (const delta of context.reply.thinking) {
    yield { event: { type: 'response.reasoning_summary_text.delta', ...at, delta }, delta: true };
  }
  if (!close) return;
  const text = part?.text ?? '';
  yield { event: { type: 'response.reasoning_summary_text.done', ...at, text } };
  yield { event: { type: 'response.reasoning_summary_part.done', ...at, part } };
  yield done(item, output_index);
}

function* messageEvents(context: AnswerContext, output_index: number, close: boolean) {
  const item = messageItem(context);
  const at = { item_id: item.id, output_index, content_index: 0 };
  const part = textPart(context.reply.text.join(''));
  yield added({ ...item, status: 'in_progress', content: [] }, output_index);
  yield { event: { type: 'response.content_part.added', ...at, part: textPart('') } };
  for (const delta of context.reply.text) {
    const event = { type: 'response.output_text.delta', ...at, delta, logprobs: [] };
    yield { event, delta: true };
  }
  if (!close) return;
  yield { event: { type: 'response.output_text.done', ...at, text: part.text, logprobs: [] } };
  yield { event: { type: 'response.content_part.done', ...at, part } };
  yield done(item, output_index);
}

function* callEvents(context: AnswerContext, call: number, output_index: number, close: boolean) {
  const item = callItem(context, call);
  const at = { item_id: item.id, output_index };
  yield added({ ...item, status: 'in_progress', arguments: '' }, output_index);
  for (const delta of inputPieces(context.reply.tools[call]?.input)) {
    yield { event: { type: 'response.function_call_arguments.delta', ...at, delta }, delta: true };
  }
  if (!close) return;
  const json = item.arguments;
  const name = item.name;
  yield { event: { type: 'response.function_call_arguments.done', ...at, name, arguments: json } };
  yield done(item, output_index);
}

function added(item: object, output_index: number): Step {
  return { event: { type: 'response.output_item.added', output_index, item } };
}

function done(item: object, output_index: number): Step {
  return { event: { type: 'response.output_item.done', output_index, item } };
}
