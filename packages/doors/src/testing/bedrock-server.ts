import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { HttpRequest } from '@smithy/core/protocols';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import { createParser } from 'eventsource-parser';
import { demoUpstream } from '../upstreams/demo.ts';
import type { ModelReply } from '../upstreams/port.ts';
import { chunkFrame, INVOCATION_METRICS } from './bedrock-frames.ts';

/** A key as AWS gives it. */
export interface AwsKey {
  access_key_id: string;
  secret_access_key: string;
  session_token?: string;
}

/** A request that came, read. */
export interface BedrockCall {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** Bedrock for tests, on a TCP port of loopback: AWS's wire, with the demo model behind it. */
export interface BedrockServer {
  /** `http://127.0.0.1:<port>` */
  origin: string;
  /** Every request that came, oldest first. */
  requests: BedrockCall[];
  close(): Promise<void>;
}

/** What it answers with, whatever it would have done. */
export type Answering = (call: BedrockCall, response: ServerResponse) => boolean;

/** Takes the signatures of these keys for this region. `before` answers by itself and returns true. */
export async function serveBedrock(
  { keys, region }: { keys: readonly AwsKey[]; region: string },
  before: Answering = () => false,
): Promise<BedrockServer> {
  const demo = demoUpstream();
  const requests: BedrockCall[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const call = { method, url, headers, body: (await buffer(request)).toString() };
    requests.push(call);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    try {
      const refused = await refusedBy(call, keys, region);
      if (refused !== null) return refuse(response, ...refused);
      if (before(call, response)) return;
      await answer(call, response, demo, gone.signal);
    } catch {
      // The client is gone, or the script cuts the connection: both end the socket.
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A refusal as AWS writes it. */
export function refuse(
  response: ServerResponse,
  status: number,
  exception: string,
  message: string,
): void {
  const headers = {
    'content-type': 'application/json',
    'x-amzn-errortype': `${exception}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
    'x-amzn-requestid': 'e52df188-e57f-43bb-a1bf-cfb42fd11fcd',
  };
  response.writeHead(status, headers).end(JSON.stringify({ message }));
}

type Refused = [status: number, exception: string, message: string];

/** Signs the request again, by AWS's own code, and compares. */
async function refusedBy(
  { method, url, headers, body }: BedrockCall,
  keys: readonly AwsKey[],
  region: string,
): Promise<Refused | null> {
  const signed =
    /Credential=([^/]+)\/\d{8}\/([^/]+)\/bedrock\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)/;
  const [, id, at, names = '', signature] = signed.exec(headers.authorization ?? '') ?? [];
  const unknown: Refused = [403, 'UnrecognizedClientException', 'The security token is invalid.'];
  const key = keys.find(({ access_key_id }) => access_key_id === id);
  if (key === undefined || at !== region) return unknown;
  if (headers['x-amz-security-token'] !== key.session_token) return unknown;
  const { pathname, searchParams, hostname } = new URL(url, `http://${headers.host}`);
  const digest = createHash('sha256').update(body).digest('hex');
  if (headers['x-amz-content-sha256'] !== digest) return wrong();
  const credentials = {
    accessKeyId: key.access_key_id,
    secretAccessKey: key.secret_access_key,
    ...(key.session_token === undefined ? {} : { sessionToken: key.session_token }),
  };
  const sha256 = Hash.bind(null, 'sha256');
  const signer = new SignatureV4({ service: 'bedrock', region, credentials, sha256 });
  const again = await signer.sign(
    new HttpRequest({
      method,
      hostname,
      path: pathname,
      query: Object.fromEntries(searchParams),
      headers: Object.fromEntries(names.split(';').map((name) => [name, String(headers[name])])),
      body,
    }),
    { signingDate: dateOf(String(headers['x-amz-date'])) },
  );
  return again.headers.authorization?.endsWith(`Signature=${signature}`) === true ? null : wrong();
}

function wrong(): Refused {
  const message = 'The request signature we calculated does not match the signature you provided.';
  return [403, 'InvalidSignatureException', message];
}

/** `20250124T134438Z` */
function dateOf(amz: string): Date {
  return new Date(amz.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

async function answer(
  call: BedrockCall,
  response: ServerResponse,
  demo: ReturnType<typeof demoUpstream>,
  signal: AbortSignal,
): Promise<void> {
  if (call.method === 'GET' && call.url.startsWith('/foundation-models')) {
    const modelSummaries = [{ modelId: 'anthropic.claude-haiku-4-5-20251001-v1:0' }];
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ modelSummaries }));
    return;
  }
  const [, escaped = '', action] = /^\/model\/([^/]+)\/([\w-]+)$/.exec(call.url) ?? [];
  const model = decodeURIComponent(escaped);
  const outer = JSON.parse(call.body);
  const counts = action === 'count-tokens';
  const body = counts ? JSON.parse(atob(outer.input.invokeModel.body)) : outer;
  const problem = problemOf(model, body, counts);
  if (problem !== null) return refuse(response, 400, 'ValidationException', problem);
  const stream = action === 'invoke-with-response-stream';
  const route = {
    family: 'anthropic' as const,
    name: counts ? ('count_tokens' as const) : ('messages' as const),
    path: '',
    query: '',
    billed: !counts,
  };
  const { anthropic_version: _, anthropic_beta: __, ...rest } = body;
  const asked = Buffer.from(JSON.stringify({ ...rest, model, stream }));
  const said = { route, headers: {}, body: asked, channelId: 'bedrock' };
  const reply = await demo.send(said, null, signal);
  response.setHeader('x-amzn-requestid', 'e52df188-e57f-43bb-a1bf-cfb42fd11fcd');
  if (reply.status !== 200) {
    const { error } = JSON.parse(await text(reply.body));
    return refuse(response, reply.status, EXCEPTIONS[reply.status] ?? 'Unknown', error.message);
  }
  if (stream) return streamed(reply, response);
  const whole = JSON.parse(await text(reply.body));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(counts ? { inputTokens: whole.input_tokens } : whole));
}

const EXCEPTIONS: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  404: 'ResourceNotFoundException',
  429: 'ThrottlingException',
  500: 'InternalServerException',
  529: 'ServiceUnavailableException',
};

/** Some of those that the real one takes. */
const TAKEN_BETAS = [
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'interleaved-thinking-2025-05-14',
  'thinking-display-updates-2026-08-18',
  'tool-search-tool-2025-10-19',
];

/** What the real one says to bodies that it does not take. */
function problemOf(model: string, body: Record<string, unknown>, counts: boolean): string | null {
  if (!/^([a-z-]+\.)?anthropic\.claude-/.test(model))
    return 'The provided model identifier is invalid.';
  if (counts && !model.startsWith('anthropic.')) {
    return "The provided model doesn't support counting tokens.";
  }
  if (body.anthropic_version !== 'bedrock-2023-05-31') return 'Invalid API version.';
  if (!Number.isSafeInteger(body.max_tokens)) return 'max_tokens: Field required';
  const betas = (body.anthropic_beta ?? []) as string[];
  if (betas.some((beta) => !TAKEN_BETAS.includes(beta))) return 'invalid beta flag';
  const tools = (body.tools ?? []) as object[];
  if (tools.some((tool) => 'eager_input_streaming' in tool)) {
    return 'tools.0.custom.eager_input_streaming: Extra inputs are not permitted';
  }
  for (const key of ['model', 'stream', 'service_tier']) {
    if (key in body) return `extraneous key [${key}] is not permitted`;
  }
  return null;
}

async function streamed(reply: ModelReply, response: ServerResponse): Promise<void> {
  response.setHeader('content-type', 'application/vnd.amazon.eventstream');
  const parser = createParser({
    onEvent({ data }) {
      const event = JSON.parse(data);
      const last = event.type === 'message_stop';
      response.write(chunkFrame(last ? { ...event, ...INVOCATION_METRICS } : data));
    },
  });
  for await (const chunk of reply.body as Readable) parser.feed(String(chunk));
  response.end();
}
