import { outputTokens } from '../output-limit.ts';
import { inputTokens } from '../prompt.ts';
import type { Reply } from '../reply.ts';
import { type AnswerContext, type Frame, inputPieces, named } from './frame.ts';

const STOP: Record<Reply['stop'], string> = {
  end: 'end_turn',
  tools: 'tool_use',
  length: 'max_tokens',
};

/** Usage as the Messages API has it: `input_tokens` is what no cache had a part in. */
function usage({ prompt, reply }: AnswerContext, output: number) {
  const all = inputTokens(prompt);
  const read = Math.min(reply.cacheRead, all);
  const written = Math.min(reply.cacheWrite, all - read);
  return {
    input_tokens: all - read - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    output_tokens: output,
  };
}

/** Providers sign thinking; here the signature only has to be there and to be carried along. */
function signature({ id }: AnswerContext): string {
  return Buffer.from(`karta-demo:${id}`).toString('base64');
}

function toolId({ id }: AnswerContext, index: number): string {
  return `toolu_${id}${index.toString(16).padStart(2, '0')}`;
}

function message(context: AnswerContext, output: number) {
  return {
    id: `msg_${context.id}`,
    type: 'message',
    role: 'assistant',
    model: context.prompt.model,
    content: [] as unknown[],
    stop_reason: null as string | null,
    stop_sequence: null,
    usage: { ...usage(context, output), service_tier: 'standard' },
  };
}

/** The whole Messages answer. */
export function anthropicAnswer(context: AnswerContext): object {
  const { reply } = context;
  const content: unknown[] = [];
  if (reply.thinking.length > 0) {
    const thinking = reply.thinking.join('');
    content.push({ type: 'thinking', thinking, signature: signature(context) });
  }
  if (reply.text.length > 0) content.push({ type: 'text', text: reply.text.join('') });
  for (const [index, { name, input }] of reply.tools.entries()) {
    content.push({ type: 'tool_use', id: toolId(context, index), name, input });
  }
  return { ...message(context, outputTokens(reply)), content, stop_reason: STOP[reply.stop] };
}

/** The Messages stream. Ends after the last delta when the reply is not to be completed. */
export function* anthropicStream(context: AnswerContext): Generator<Frame> {
  const { reply } = context;
  yield named({ type: 'message_start', message: message(context, 1) });
  yield named({ type: 'ping' });
  let index = 0;
  for (const block of blocks(context)) {
    yield named({ type: 'content_block_start', index, content_block: block.start });
    for (const delta of block.deltas) {
      yield named({ type: 'content_block_delta', index, delta }, true);
    }
    if (block.last && reply.pace.ending !== 'complete') return;
    if (block.closing) yield named({ type: 'content_block_delta', index, delta: block.closing });
    yield named({ type: 'content_block_stop', index });
    index += 1;
  }
  if (reply.pace.ending !== 'complete') return;
  const delta = { stop_reason: STOP[reply.stop], stop_sequence: null };
  yield named({ type: 'message_delta', delta, usage: usage(context, outputTokens(reply)) });
  yield named({ type: 'message_stop' });
}

interface Block {
  start: object;
  deltas: Iterable<object>;
  closing?: object;
  last: boolean;
}

function* blocks(context: AnswerContext): Generator<Block> {
  const { thinking, text, tools } = context.reply;
  if (thinking.length > 0) {
    yield {
      start: { type: 'thinking', thinking: '', signature: '' },
      deltas: thinking.map((piece) => ({ type: 'thinking_delta', thinking: piece })),
      closing: { type: 'signature_delta', signature: signature(context) },
      last: text.length === 0 && tools.length === 0,
    };
  }
  if (text.length > 0) {
    yield {
      start: { type: 'text', text: '' },
      deltas: text.map((piece) => ({ type: 'text_delta', text: piece })),
      last: tools.length === 0,
    };
  }
  for (const [index, { name, input }] of tools.entries()) {
    yield {
      start: { type: 'tool_use', id: toolId(context, index), name, input: {} },
      deltas: inputPieces(input).map((json) => ({ type: 'input_json_delta', partial_json: json })),
      last: index === tools.length - 1,
    };
  }
}
