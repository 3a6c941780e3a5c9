import { z } from 'zod';
import { BadPrompt, type Prompt, type PromptMessage } from '../prompt.ts';
import { MessageBuilder } from './blocks.ts';

const part = z.looseObject({ type: z.string() });
const message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(part)]).nullish(),
  tool_calls: z.array(z.unknown()).nullish(),
  reasoning_content: z.string().nullish(),
});
const request = z.looseObject({
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  messages: z.array(message).min(1),
  tools: z.array(z.unknown()).nullish(),
});
type Message = z.infer<typeof message>;

const SYSTEM_ROLES = new Set(['system', 'developer']);

/** Reads a Chat Completions request. Throws {@link BadPrompt}. */
export function readChat(body: unknown): Prompt {
  const parsed = request.safeParse(body);
  if (!parsed.success) throw new BadPrompt(z.prettifyError(parsed.error));
  const { data } = parsed;
  const system = data.messages.filter(({ role }) => SYSTEM_ROLES.has(role));
  const said = data.messages.filter(({ role }) => !SYSTEM_ROLES.has(role));
  return {
    model: data.model,
    stream: data.stream ?? false,
    includeUsage: data.stream_options?.include_usage ?? false,
    maxOutputTokens: data.max_completion_tokens ?? data.max_tokens ?? null,
    system: system.flatMap((entry) => readMessage(entry).texts),
    messages: said.map(readMessage),
    tools: (data.tools ?? []).map((tool) => JSON.stringify(tool)),
  };
}

function readMessage(entry: Message): PromptMessage {
  const built = new MessageBuilder();
  const parts =
    typeof entry.content === 'string'
      ? [{ type: 'text', text: entry.content }]
      : (entry.content ?? []);
  for (const piece of parts as z.infer<typeof part>[]) {
    if (typeof piece.text !== 'string') built.attach();
    else if (entry.role === 'tool') built.count(piece.text);
    else built.text(piece.text);
  }
  if (entry.reasoning_content) built.count(entry.reasoning_content);
  for (const call of entry.tool_calls ?? []) built.count(call);
  return built.build(entry.role === 'assistant' ? 'assistant' : 'user');
}
