import { z } from 'zod';
import { BadPrompt, type Prompt, type PromptMessage } from '../prompt.ts';
import { MessageBuilder } from './blocks.ts';

const block = z.looseObject({ type: z.string() });
const content = z.union([z.string(), z.array(block)]);
const request = z.looseObject({
  model: z.string(),
  max_tokens: z.int().positive().optional(),
  stream: z.boolean().optional(),
  system: content.optional(),
  messages: z.array(z.looseObject({ role: z.string(), content })).min(1),
  tools: z.array(z.unknown()).optional(),
});
type Content = z.infer<typeof content>;

/** Reads a Messages or `count_tokens` request. Throws {@link BadPrompt}. */
export function readAnthropic(body: unknown): Prompt {
  const parsed = request.safeParse(body);
  if (!parsed.success) throw new BadPrompt(z.prettifyError(parsed.error));
  const { model, stream, max_tokens, system, messages, tools } = parsed.data;
  return {
    model,
    stream: stream ?? false,
    includeUsage: true,
    maxOutputTokens: max_tokens ?? null,
    system: textsOf(system ?? []),
    messages: messages.map(({ role, content }) => readMessage(role, content)),
    tools: (tools ?? []).map((tool) => JSON.stringify(tool)),
  };
}

function textsOf(value: Content): string[] {
  if (typeof value === 'string') return [value];
  return value.map((entry) => (typeof entry.text === 'string' ? entry.text : ''));
}

function readMessage(role: string, value: Content): PromptMessage {
  const message = new MessageBuilder();
  const blocks = typeof value === 'string' ? [{ type: 'text', text: value }] : value;
  for (const entry of blocks as z.infer<typeof block>[]) {
    // A system message amid the conversation is the harness's, not a person's.
    if (role === 'system') message.count(entry.text ?? entry);
    else if (entry.type === 'text' && typeof entry.text === 'string') message.text(entry.text);
    else if (entry.type === 'image' || entry.type === 'document') message.attach();
    else if (entry.type === 'thinking') message.count(entry.thinking);
    else if (entry.type === 'tool_use') message.count(entry.name).count(entry.input);
    else message.count(entry.content ?? entry);
  }
  return message.build(role === 'assistant' ? 'assistant' : 'user');
}
