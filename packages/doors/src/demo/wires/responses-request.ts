import { z } from 'zod';
import { BadPrompt, type Prompt, type PromptMessage } from '../prompt.ts';
import { MessageBuilder } from './blocks.ts';

const part = z.looseObject({ type: z.string() });
const item = z.looseObject({
  type: z.string().optional(),
  role: z.string().optional(),
  content: z.union([z.string(), z.array(part)]).nullish(),
});
const request = z.looseObject({
  model: z.string(),
  stream: z.boolean().nullish(),
  max_output_tokens: z.int().positive().nullish(),
  instructions: z.string().nullish(),
  input: z.union([z.string(), z.array(item)]),
  tools: z.array(z.unknown()).nullish(),
});
type Item = z.infer<typeof item>;

const SYSTEM_ROLES = new Set(['system', 'developer']);

/** Reads a Responses request. Throws {@link BadPrompt}. */
export function readResponses(body: unknown): Prompt {
  const parsed = request.safeParse(body);
  if (!parsed.success) throw new BadPrompt(z.prettifyError(parsed.error));
  const { data } = parsed;
  const items: Item[] =
    typeof data.input === 'string' ? [{ role: 'user', content: data.input }] : data.input;
  const isSystem = ({ role }: Item) => role !== undefined && SYSTEM_ROLES.has(role);
  const instructions = data.instructions ? [data.instructions] : [];
  return {
    model: data.model,
    stream: data.stream ?? false,
    includeUsage: true,
    maxOutputTokens: data.max_output_tokens ?? null,
    system: [...instructions, ...items.filter(isSystem).flatMap((entry) => readItem(entry).texts)],
    messages: items.filter((entry) => !isSystem(entry)).map(readItem),
    tools: (data.tools ?? []).map((tool) => JSON.stringify(tool)),
  };
}

/** Items that the model itself made; everything else came from the caller. */
const MADE_BY_MODEL = new Set(['reasoning', 'function_call', 'custom_tool_call']);

function readItem(entry: Item): PromptMessage {
  const built = new MessageBuilder();
  if (entry.type !== undefined && entry.type !== 'message') {
    built.count(entry.output ?? entry.summary ?? entry.arguments ?? entry);
    return built.build(MADE_BY_MODEL.has(entry.type) ? 'assistant' : 'user');
  }
  const parts =
    typeof entry.content === 'string'
      ? [{ type: 'input_text', text: entry.content }]
      : (entry.content ?? []);
  for (const piece of parts as z.infer<typeof part>[]) {
    if (typeof piece.text === 'string') built.text(piece.text);
    else built.attach();
  }
  return built.build(entry.role === 'assistant' ? 'assistant' : 'user');
}
