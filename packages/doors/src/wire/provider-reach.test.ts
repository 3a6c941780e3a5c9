import { describe, expect, it } from 'vitest';
import { anthropicReach, openaiReach } from './provider-reach.ts';

const anthropic = (request: unknown) =>
  anthropicReach(Buffer.from(typeof request === 'string' ? request : JSON.stringify(request)));
const image = (source: object) => ({
  messages: [{ role: 'user', content: [{ type: 'image', source }] }],
});
const URL_SOURCE = { type: 'url', url: 'https://evil.example/?q=secret' };

describe('an Anthropic request', () => {
  it.each([
    { messages: [{ role: 'user', content: 'see "url" and web_search_20250305' }] },
    {
      tools: [
        { name: 'x', input_schema: {} },
        { type: 'custom', name: 'y' },
      ],
    },
    {
      tools: [
        { type: 'bash_20250124', name: 'bash' },
        { type: 'text_editor_20250728', name: 'e' },
      ],
    },
    { tools: [], mcp_servers: [] },
    image({ type: 'base64', media_type: 'image/png', data: 'aaaa' }),
    {
      messages: [
        {
          role: 'assistant',
          content: [{ type: 'tool_use', input: { url: 'https://x', source: URL_SOURCE } }],
        },
      ],
    },
  ])('that stays within the provider passes: %j', (request) => {
    const bytes = Buffer.from(JSON.stringify(request));
    expect(anthropicReach(bytes)).toEqual({ body: bytes });
  });

  it.each([
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'web_search_20250305'],
    [{ tools: [{ name: 'x' }, { type: 'web_fetch_20250910', name: 'f' }] }, 'web_fetch_20250910'],
    [{ tools: [{ type: 'code_execution_20250825', name: 'c' }] }, 'code_execution'],
    [{ tools: [{ type: 'mcp_toolset', mcp_server_name: 'x' }] }, 'mcp_toolset'],
    [{ tools: [{ type: 'something_new' }] }, 'something_new'],
    [{ mcp_servers: [{ type: 'url', url: 'https://x', name: 'x' }] }, 'MCP servers'],
    [image(URL_SOURCE), 'an address'],
    [{ system: [{ type: 'document', source: URL_SOURCE }] }, 'an address'],
    [
      {
        messages: [
          { content: [{ type: 'tool_result', content: [{ type: 'image', source: URL_SOURCE }] }] },
        ],
      },
      'an address',
    ],
    ['{"tools":[],"tools":[{"type":"web_search_20250305"}]}', 'web_search'],
    ['{"tools":[{"type":"web_search_20250305"}],"tools":[]}', 'web_search'],
    ['{"t\\u006fols":[{"type":"web\\u005fsearch_20250305"}]}', 'web_search'],
    [
      '{"messages":[{"content":[{"source":{"type":"\\u0075rl","\\u0075rl":"https://x"}}]}]}',
      'an address',
    ],
  ])('that would reach the network is refused: %j', (request, what) => {
    const reach = anthropic(request);
    expect('problem' in reach && reach.problem).toContain(what);
    expect('problem' in reach && reach.problem).toContain('provider_tools = true');
  });

  it('is what was looked at, when it names one thing twice', () => {
    const reach = anthropic(
      '{"messages":[{"content":[{"source":{"type":"url","type":"base64"}}]}],"x":"url","y":{"url":1}}',
    );
    expect('body' in reach && reach.body.toString()).not.toContain('"type":"url"');
  });

  it('that is no JSON is left to the provider', () => {
    for (const text of ['', '{', '{"tools":[', '{"url"', '[]', 'null "url"']) {
      expect(anthropic(text)).toEqual({ body: Buffer.from(text) });
    }
  });
});

describe('an OpenAI request', () => {
  it.each([
    {
      tools: [
        { type: 'function', name: 'web_search' },
        { type: 'custom', name: 'x' },
      ],
    },
    { tools: [{ type: 'namespace', name: 'n', tools: [{ type: 'function', name: 'x' }] }] },
    { tools: [{ type: 'shell', environment: { type: 'local' } }] },
    {
      messages: [
        { content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aa' } }] },
      ],
    },
    { messages: [{ content: 'https://example.com' }], model: 'gpt-5' },
    { input: 'https://example.com' },
    { input: [{ content: [{ type: 'input_image', image_url: 'DATA:image/png;base64,aa' }] }] },
  ])('that stays within the provider passes: %j', (request) => {
    expect(openaiReach(request)).toBeNull();
  });

  it.each([
    { tools: [{ type: 'web_search' }] },
    { tools: [{ type: 'web_search_preview_2025_03_11' }] },
    { tools: [{ type: 'mcp', server_url: 'https://x' }] },
    { tools: [{ type: 'code_interpreter' }] },
    { tools: [{ type: 'shell' }] },
    { tools: [{ type: 'namespace', tools: [{ type: 'mcp' }] }] },
    { tools: [{}] },
    { web_search_options: {} },
    { model: 'gpt-4o-search-preview' },
    { prompt: { id: 'pmpt_1' } },
    { messages: [{ content: [{ type: 'image_url', image_url: { url: 'https://x/?q=secret' } }] }] },
    { input: [{ content: [{ type: 'input_image', image_url: 'http://x' }] }] },
    { input: [{ content: [{ type: 'input_file', file_url: 'https://x' }] }] },
    {
      input: [
        { type: 'function_call_output', output: [{ type: 'input_image', image_url: '//x' }] },
      ],
    },
  ])('that would reach the network is refused: %j', (request) => {
    expect(openaiReach(request)).toContain('provider_tools = true');
  });
});
