import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlainServer, servePlain } from '../testing/plain-server.ts';

let server: PlainServer;
let client: OpenAI;

beforeAll(async () => {
  server = await servePlain();
  client = new OpenAI({ apiKey: 'any', baseURL: `${server.origin}/openai/v1`, maxRetries: 0 });
});
afterAll(() => server.close());

const script = (...steps: object[]) => `please @@${JSON.stringify(steps)}@@`;
const chat = (content: string) => ({
  model: 'gpt-demo',
  messages: [{ role: 'user' as const, content }],
});
const tools = [
  { name: 'bash', input: { command: 'echo "hi"' } },
  { name: 'read', input: { path: 'ä.txt' } },
];

describe('the demo model on Chat Completions, by the official client', () => {
  it('streams text, reasoning and parallel tool calls', async () => {
    const content = script({ think: 'hm', text: 'on it now', n: 3, tools });
    const stream = client.chat.completions.stream(chat(content));
    const deltas: string[] = [];
    const reasoning: unknown[] = [];
    stream.on('content', (text) => deltas.push(text));
    stream.on('chunk', ({ choices }) => {
      const delta = choices[0]?.delta as { reasoning_content?: string } | undefined;
      if (delta?.reasoning_content) reasoning.push(delta.reasoning_content);
    });
    const done = await stream.finalChatCompletion();
    expect(deltas.join('')).toBe('on it now');
    expect(deltas).toHaveLength(3);
    expect(reasoning).toEqual(['hm']);
    expect(done.choices[0]?.finish_reason).toBe('tool_calls');
    const calls = done.choices[0]?.message.tool_calls ?? [];
    const seen = calls.map((call) => call.type === 'function' && call.function);
    expect(seen).toMatchObject(
      tools.map(({ name, input }) => ({ name, arguments: JSON.stringify(input) })),
    );
  });

  it('sends usage in a stream only when asked, the same as in a whole answer', async () => {
    const content = script({ think: 'hm', text: 'words', cache_read: 4 });
    const whole = await client.chat.completions.create(chat(content));
    const usages: unknown[] = [];
    const asked = await client.chat.completions.create({
      ...chat(content),
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of asked) if (chunk.usage) usages.push(chunk.usage);
    expect(usages).toEqual([whole.usage]);
    expect(whole.usage?.prompt_tokens_details?.cached_tokens).toBe(4);
    expect(whole.usage?.completion_tokens_details?.reasoning_tokens).toBe(1);
    const unasked = await client.chat.completions.create({ ...chat(content), stream: true });
    for await (const chunk of unasked) expect(chunk.usage).toBeUndefined();
  });

  it('goes on with the next step after tool results', async () => {
    const first = chat(script({ tools: [tools[0] ?? {}] }, { text: 'second' }));
    const called = await client.chat.completions.create(first);
    const message = called.choices[0]?.message;
    if (message === undefined) throw new Error('no message');
    const id = message.tool_calls?.[0]?.id ?? '';
    const next = await client.chat.completions.create({
      ...first,
      messages: [...first.messages, message, { role: 'tool', tool_call_id: id, content: 'out' }],
    });
    expect(next.choices[0]?.message.content).toBe('second');
  });

  it.each([
    [400, 400, 'invalid_request_error'],
    [401, 401, 'invalid_request_error'],
    [429, 429, 'requests'],
    [500, 500, 'server_error'],
    [529, 503, 'server_error'],
  ])('refuses %i with status %i in the envelope', async (err, status, type) => {
    const failed = client.chat.completions.create(chat(script({ err }))).catch((error) => error);
    expect(await failed).toMatchObject({ status, type });
  });

  it('lists models', async () => {
    const names: string[] = [];
    for await (const model of client.models.list()) names.push(model.id);
    expect(names).toEqual(['gpt-demo']);
    expect((await client.models.retrieve('any')).id).toBe('any');
  });
});

describe('the demo model on Responses, by the official client', () => {
  it('streams reasoning summaries, text and function calls', async () => {
    const input = script({ think: 'hm', text: 'on it now', n: 3, tools });
    const stream = client.responses.stream({ model: 'gpt-demo', input });
    const text: string[] = [];
    const thought: string[] = [];
    const order: number[] = [];
    stream.on('event', (event) => order.push(event.sequence_number));
    stream.on('response.output_text.delta', ({ delta }) => text.push(delta));
    stream.on('response.reasoning_summary_text.delta', ({ delta }) => thought.push(delta));
    const done = await stream.finalResponse();
    expect(text.join('')).toBe('on it now');
    expect(text).toHaveLength(3);
    expect(thought).toEqual(['hm']);
    expect(order).toEqual(order.map((_, index) => index));
    expect(done.output_text).toBe('on it now');
    expect(done.output).toMatchObject([
      { type: 'reasoning', summary: [{ text: 'hm' }] },
      { type: 'message' },
      { type: 'function_call', name: 'bash', arguments: '{"command":"echo \\"hi\\""}' },
      { type: 'function_call', name: 'read' },
    ]);
  });

  it('answers whole with the same counts', async () => {
    const request = { model: 'gpt-demo', input: script({ think: 'hm', text: 'words' }) };
    const whole = await client.responses.create(request);
    const streamed = await client.responses.stream(request).finalResponse();
    expect(whole.status).toBe('completed');
    expect(whole.output_text).toBe('words');
    expect(streamed.usage).toEqual(whole.usage);
    expect(whole.usage?.output_tokens_details.reasoning_tokens).toBe(1);
  });

  it('goes on with the next step after function outputs', async () => {
    const text = script({ text: 'one', tools }, { text: 'second' });
    const user = { role: 'user' as const, content: text };
    const first = await client.responses.create({ model: 'm', input: [user] });
    const calls = first.output.flatMap((item) => (item.type === 'function_call' ? [item] : []));
    const outputs = calls.map(({ call_id }) => ({
      type: 'function_call_output' as const,
      call_id,
      output: 'out',
    }));
    const second = await client.responses.create({
      model: 'm',
      input: [user, ...(first.output as OpenAI.Responses.ResponseInputItem[]), ...outputs],
    });
    expect(second.output_text).toBe('second');
  });

  it('is incomplete at the output limit', async () => {
    const input = script({ text: 'abcdefghijkl' });
    const cut = await client.responses.create({ model: 'm', input, max_output_tokens: 2 });
    expect(cut).toMatchObject({ status: 'incomplete', output_text: 'abcdefgh' });
  });
});
