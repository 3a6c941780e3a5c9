import { exactJson } from './exact-json.ts';
import { type TopLevelMember, topLevelMembers } from './top-level.ts';

/**
 * What a request would have the provider do beyond answering: run tools of its own, fetch addresses,
 * speak to servers. By that an agent would reach the network past its sandbox, and spend what no
 * token counts. Everything that is not known to stay away from it is refused.
 */

/** Tools that the client runs, or that work on the request alone. Versions follow the name. */
const ANTHROPIC_LOCAL = /^(custom$|(bash|text_editor|computer|memory|tool_search_tool)_)/;
const OPENAI_LOCAL = new Set([
  ...['function', 'custom', 'local_shell', 'apply_patch', 'tool_search'],
  ...['computer', 'computer_use_preview'],
]);
/** Models that search the web with every call. */
const SEARCHING_MODEL = /-search-(preview|api)/;
/** A printable character that is written as an escape: a name may hide in it. */
const ESCAPED_ASCII = /\\u00[2-7]/i;

type Json = Record<string, unknown>;

/** A request that stays within the provider, or why it does not. */
export type Reach = { body: Buffer } | { problem: string };

/**
 * Looks at an Anthropic Messages body. Only its tools are parsed, and all of it only when it may name
 * an address; then it is written anew, so that the provider reads what was looked at.
 */
export function anthropicReach(
  body: Buffer,
  members: readonly TopLevelMember[] = topLevelMembers(body),
): Reach {
  for (const { name, start, end } of members) {
    if (name !== 'tools' && name !== 'mcp_servers') continue;
    const value = parsed(body.subarray(start, end));
    if (value === undefined) return { body };
    if (name === 'mcp_servers' && !isEmpty(value)) return refused('MCP servers of the provider');
    const hosted = name === 'tools' ? hostedTool(value, isLocalToAnthropic) : null;
    if (hosted !== null) return refused(`the tool "${hosted}"`);
  }
  const mayName =
    body.includes('"url"') ||
    (body.includes('\\u00') && ESCAPED_ASCII.test(body.toString('latin1')));
  if (!mayName) return { body };
  const request = parsed(body);
  if (!isObject(request)) return { body };
  const contents = [request.system, ...list(request.messages).map((message) => message.content)];
  if (contents.some(fetchesSource)) return refused('an address to fetch');
  return { body: Buffer.from(JSON.stringify(request)) };
}

/** Why an OpenAI request, of either API, would reach the network; `null` when it does not. */
export function openaiReach(request: Json): string | null {
  const hosted = hostedTool(request.tools, isLocalToOpenai);
  if (hosted !== null) return why(`the tool "${hosted}"`);
  if (request.web_search_options !== undefined) return why('web_search_options');
  if (typeof request.model === 'string' && SEARCHING_MODEL.test(request.model)) {
    return why(`the model "${request.model}", which searches the web`);
  }
  if (!isEmpty(request.prompt)) return why('a prompt that is stored there with its tools');
  const parts = [...list(request.messages), ...list(request.input)].flatMap((item) => [
    ...list(item.content),
    ...list(item.output),
  ]);
  return parts.some(fetchesPart) ? why('an address to fetch') : null;
}

function isLocalToAnthropic(tool: Json): boolean {
  return tool.type === undefined || tool.type === null || ANTHROPIC_LOCAL.test(String(tool.type));
}

function isLocalToOpenai(tool: Json): boolean {
  if (tool.type === 'namespace') return list(tool.tools).every(isLocalToOpenai);
  if (tool.type === 'shell') return isObject(tool.environment) && tool.environment.type === 'local';
  return OPENAI_LOCAL.has(String(tool.type));
}

/** The type of the first tool that is not local. */
function hostedTool(tools: unknown, isLocal: (tool: Json) => boolean): string | null {
  const hosted = list(tools).find((tool) => !isLocal(tool));
  return hosted === undefined ? null : String(hosted.type).slice(0, 64);
}

/** Whether content has a source that is an address, in results of tools and documents too. */
function fetchesSource(content: unknown): boolean {
  return list(content).some((block) => {
    const source = isObject(block.source) ? block.source : {};
    return source.type === 'url' || fetchesSource(block.content) || fetchesSource(source.content);
  });
}

function fetchesPart(part: Json): boolean {
  const { image_url: image, file } = part;
  const places = [
    isObject(image) ? image.url : image,
    part.file_url,
    isObject(file) ? file.file_url : undefined,
  ];
  return places.some((place) => !isEmpty(place) && !/^data:/i.test(String(place)));
}

function why(what: string): string {
  return `Through ${what} the provider would reach the network for the agent, which its application does not allow: set provider_tools = true in [network] of karta.toml.`;
}

function refused(what: string): Reach {
  return { problem: why(what) };
}

function parsed(json: Buffer): unknown {
  try {
    return exactJson(json);
  } catch {
    // No JSON: the provider will say so.
    return undefined;
  }
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}
