import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlainServer, servePlain } from '../testing/plain-server.ts';

let server: PlainServer;
let client: Anthropic;

beforeAll(async () => {
  server = await servePlain();
  client = new Anthropic({ apiKey: 'any', baseURL: `${server.origin}/anthropic`, maxRetries: 0 });
});
afterAll(() => server.close());

const script = (...steps: object[]) => `please @@${JSON.stringify(steps)}@@`;
const ask = (content: string, more: object = {}) => ({
  model: 'claude-demo',
  max_tokens: 1000,
  messages: [{ role: 'user' as const, content }],
  ...more,
});

describe('the demo model on the Anthropic wire, by the official client', () => {
  it('streams thinking with its signature, text and parallel tool calls', async () => {
    const tools = [
      { name: 'bash', input: { command: 'echo "hi"' } },
      { name: 'read', input: { path: 'ä.txt', lines: [1, 2] } },
    ];
    const content = script({ think: 'let me think', text: 'working on it', n: 4, tools });
    const deltas: string[] = [];
    const stream = client.messages.stream(ask(content)).on('text', (text) => deltas.push(text));
    const message = await stream.finalMessage();
    expect(deltas).toHaveLength(4);
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'let me think', signature: expect.stringMatching(/.+/) },
      { type: 'text', text: 'working on it' },
      { type: 'tool_use', ...tools[0] },
      { type: 'tool_use', ...tools[1] },
    ]);
    const ids = message.content.flatMap((block) => ('id' in block ? [block.id] : []));
    expect(new Set(ids).size).toBe(2);
  });

  it('answers whole with the same content and the same counts as a stream', async () => {
    const content = script({ think: 'hm', text: 'the same words', tools: [] });
    const whole = await client.messages.create(ask(content));
    const streamed = await client.messages.stream(ask(content)).finalMessage();
    expect(whole.content.filter(({ type }) => type === 'text')).toMatchObject([
      { text: 'the same words' },
    ]);
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
    expect(streamed.usage.input_tokens).toBe(whole.usage.input_tokens);
    expect(streamed.stop_reason).toBe('end_turn');
  });

  it('counts tokens as it bills them', async () => {
    const messages = ask(script({ text: 'x' })).messages;
    const tool = { name: 't', description: 'a tool', input_schema: { type: 'object' as const } };
    const extra = { system: 'You sell coffee.', tools: [tool] };
    const counted = await client.messages.countTokens({
      model: 'claude-demo',
      messages,
      ...extra,
    });
    const billed = await client.messages.create(ask(script({ text: 'x' }), extra));
    expect(billed.usage.input_tokens).toBe(counted.input_tokens);
    const plain = await client.messages.create(ask(script({ text: 'x' })));
    expect(billed.usage.input_tokens).toBeGreaterThan(plain.usage.input_tokens);
  });

  it('splits the input among caches when the script says so', async () => {
    const content = script({ text: 'x', cache_read: 5, cache_write: 2 });
    const plain = await client.messages.create(ask(content.replace('5', '0').replace('2', '0')));
    const cached = await client.messages.create(ask(content));
    expect(cached.usage).toMatchObject({
      input_tokens: plain.usage.input_tokens - 7,
      cache_read_input_tokens: 5,
      cache_creation_input_tokens: 2,
    });
  });

  it('tolerates ?beta=true', async () => {
    const response = await fetch(`${server.origin}/anthropic/v1/messages?beta=true`, {
      method: 'POST',
      body: JSON.stringify(ask(script({ text: 'beta' }))),
    });
    expect(await response.json()).toMatchObject({ content: [{ text: 'beta' }] });
  });

  it('goes on with the next step after tool results and harness notes', async () => {
    const first = ask(script({ tools: [{ name: 'bash', input: {} }] }, { text: 'second' }));
    const called = await client.messages.create(first);
    const tool = called.content.find((block) => block.type === 'tool_use');
    const result = {
      type: 'tool_result' as const,
      tool_use_id: tool?.id ?? '',
      content: 'out',
    };
    const note = { type: 'text' as const, text: '<system-reminder>be brief</system-reminder>' };
    const message = await client.messages.create({
      ...first,
      messages: [
        ...first.messages,
        { role: 'assistant', content: called.content },
        { role: 'user', content: [result, note] },
      ],
    });
    expect(message.content).toMatchObject([{ text: 'second' }]);
  });

  it('follows the newest of messages that a harness joined, past its own system message', async () => {
    const blocks = [script({ err: 500 }), script({ text: 'the newest' })];
    const content = blocks.map((text) => ({ type: 'text' as const, text }));
    const note = { role: 'system', content: [{ type: 'text', text: '# Environment' }] };
    const messages = [{ role: 'user', content }, note] as Anthropic.MessageParam[];
    const answer = await client.messages.create({ ...ask(''), messages });
    expect(answer.content).toMatchObject([{ type: 'text', text: 'the newest' }]);
  });

  it('stops at max_tokens', async () => {
    const content = script({ text: 'abcdefghijkl' });
    const message = await client.messages.create(ask(content, { max_tokens: 2 }));
    expect(message).toMatchObject({ stop_reason: 'max_tokens', content: [{ text: 'abcdefgh' }] });
    expect(message.usage.output_tokens).toBe(2);
  });

  it.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [529, 'overloaded_error'],
  ])('refuses with %i in the envelope', async (err, type) => {
    const failed = client.messages.create(ask(script({ err }))).catch((error) => error);
    expect(await failed).toMatchObject({ status: err, error: { error: { type } } });
  });

  it('refuses only the first tries when told so, for each conversation apart', async () => {
    const flaky = script({ err: 429, times: 2, text: 'at last' });
    for (const content of [flaky, `again ${flaky}`]) {
      await expect(client.messages.create(ask(content))).rejects.toMatchObject({ status: 429 });
      await expect(client.messages.create(ask(content))).rejects.toMatchObject({ status: 429 });
      const message = await client.messages.create(ask(content));
      expect(message.content).toMatchObject([{ text: 'at last' }]);
    }
  });

  it('cuts the connection when told so', async () => {
    const stream = client.messages.stream(ask(script({ text: 'half', break: true })));
    const seen: string[] = [];
    stream.on('text', (text) => seen.push(text));
    await expect(stream.finalMessage()).rejects.toThrow();
    expect(seen).toEqual(['half']);
  });

  it('stalls when told so, until the client gives up', async () => {
    const stream = client.messages.stream(ask(script({ text: 'half', hang: true })));
    await new Promise<void>((resolve) => stream.on('text', () => resolve()));
    stream.abort();
    await expect(stream.finalMessage()).rejects.toBeInstanceOf(Anthropic.APIUserAbortError);
  });

  it('refuses a broken script and a broken request with 400', async () => {
    await expect(client.messages.create(ask('@@[{"txt":1}]@@'))).rejects.toThrow(/script is wrong/);
    await expect(client.messages.create(ask('@@[{]@@'))).rejects.toThrow(/not JSON/);
    await expect(client.messages.create(ask('x', { messages: [] }))).rejects.toMatchObject({
      status: 400,
    });
  });

  it('lists a model and knows every name', async () => {
    const page = await client.models.list();
    expect(page.data.map(({ id }) => id)).toEqual(['claude-demo']);
    expect((await client.models.retrieve('claude-opus-9')).id).toBe('claude-opus-9');
  });
});
