import { awsRegion } from '@karta/protocol';
import { z } from 'zod';
import type { UpstreamKey } from '../../keys/key-parts.ts';
import { parsedJson } from '../../wire/parsed-json.ts';
import { answerHeaders } from '../answer-headers.ts';
import {
  cleanText,
  cloudRefusal,
  isAnswer,
  keyRefusal,
  type RefusedKey,
  whoseKey,
} from '../cloud-refusal.ts';
import type { ModelCall, ModelReply, Upstream } from '../port.ts';
import type { ProviderAnswer } from '../provider-connection.ts';
import { answerText } from '../provider-refusal.ts';
import { anthropicRefusal, wholeReply } from '../whole-reply.ts';
import { anthropicStream } from './anthropic-stream.ts';
import { awsParts } from './aws-parts.ts';
import type { CredentialsFile } from './credentials-file.ts';
import { bedrockModel, withoutProfile } from './model-name.ts';
import { exceptionOf, readBedrockError } from './refusal.ts';
import { type BedrockRequest, bedrockRequest, countBody } from './request.ts';
import { type SignedConnection, signedConnection } from './signed-connection.ts';

const EVENT_STREAM = 'application/vnd.amazon.eventstream';
const SSE = 'text/event-stream; charset=utf-8';
const JSON_TYPE = 'application/json';
/** Names of resources and the number of an account. */
const ACCOUNT_LIKE = /\barn:aws[^\s"',]*|\b\d{12}\b/g;

const countAnswer = z.object({ inputTokens: z.int().nonnegative() });

/** Where Bedrock is reached. */
export interface BedrockOptions {
  /** As `us-east-1`. */
  region: string;
  /** In place of AWS's own addresses in the region; `null`: these. */
  baseUrl: string | null;
  /** Where the platform's key is, which somebody renews there; by default it is the one that calls bring. */
  credentials?: CredentialsFile;
}

/** Claude on Amazon Bedrock, by the Anthropic wire. Throws an `Error` for what is no region. */
export function bedrockUpstream({ region, baseUrl, credentials }: BedrockOptions): Upstream {
  if (!awsRegion.safeParse(region).success) throw new Error(`"${region}" is no region of AWS`);
  const of = (service: string) => baseUrl ?? `https://${service}.${region}.amazonaws.com`;
  const runtime = signedConnection(of('bedrock-runtime'), region);
  const control = signedConnection(of('bedrock'), region);

  async function answer(call: ModelCall, served: Served): Promise<ModelReply> {
    const { name } = call.route;
    if (name !== 'messages' && name !== 'count_tokens') {
      return anthropicRefusal('not_found', 'Amazon Bedrock has no such endpoint.');
    }
    const request = bedrockRequest(call, region);
    if ('problem' in request) return anthropicRefusal('invalid_request', request.problem);
    if ('noModel' in request) {
      return anthropicRefusal('not_found', `Amazon Bedrock has no model "${request.noModel}".`);
    }
    return name === 'messages' ? invoke(request, call, served) : count(request, served);
  }

  /** Under the platform's key of now; one that is refused may have been renewed meanwhile. */
  async function answerByFile(
    file: CredentialsFile,
    call: ModelCall,
    served: Served,
  ): Promise<ModelReply> {
    const parts = await file.key();
    if (parts === null) return keyRefusal('unauthenticated', { whose: whoseKey(served.key) });
    const reply = await answer(call, { ...served, key: { ...served.key, parts } });
    if (reply.status !== 401 && reply.status !== 403) return reply;
    const renewed = await file.key(parts);
    if (renewed === null || renewed === parts) return reply;
    reply.body.destroy();
    return answer(call, { ...served, key: { ...served.key, parts: renewed } });
  }

  return {
    id: 'bedrock',
    families: ['anthropic'],
    lacks: ['models', 'model'],
    endpoint: runtime.endpoint,
    nameOf: (model) => bedrockModel(model, region) ?? model,
    async send(call, key, signal) {
      if (key === null) throw new Error('Bedrock is not called without a key');
      const served = { runtime, key, signal };
      if (credentials === undefined || key.ownId !== null) return answer(call, served);
      return answerByFile(credentials, call, served);
    },
    async probe(key, signal) {
      const request = {
        method: 'GET' as const,
        path: '/foundation-models?byProvider=anthropic',
        headers: { accept: JSON_TYPE },
        body: Buffer.alloc(0),
      };
      const response = await control.send(request, key.parts, signal);
      const text = await answerText(response.body);
      const { status } = response;
      // AWS says so only to whom it knows.
      return { status, knownOnly: /^accessdenied/i.test(exceptionOf(response, text)) };
    },
    close() {
      runtime.close();
      control.close();
    },
  };
}

interface Served {
  runtime: SignedConnection;
  key: UpstreamKey;
  signal: AbortSignal;
}

async function invoke(
  request: BedrockRequest,
  call: ModelCall,
  served: Served,
): Promise<ModelReply> {
  const { runtime, key, signal } = served;
  const [action, accept] = request.stream
    ? ['invoke-with-response-stream', EVENT_STREAM]
    : ['invoke', JSON_TYPE];
  const agent = call.headers['user-agent'];
  const response = await runtime.send(
    {
      method: 'POST',
      path: pathOf(request.model, action),
      headers: {
        'content-type': JSON_TYPE,
        accept,
        ...(agent !== undefined && { 'user-agent': agent }),
      },
      body: request.body,
    },
    key.parts,
    signal,
  );
  if (!isAnswer(response, accept)) return refusal(response, served);
  const headers = replyHeaders(response);
  if (!request.stream) return { status: 200, headers, body: response.body };
  const { decode } = await awsParts();
  const of = refusedKey(served);
  const body = anthropicStream(response.body, decode, (text) => cleanText(text, of));
  return { status: 200, headers: { ...headers, 'content-type': SSE }, body };
}

/** Most models are counted by their own name alone, some by their profile's alone. */
async function count(request: BedrockRequest, served: Served): Promise<ModelReply> {
  const { runtime, key, signal } = served;
  const body = countBody(request);
  const headers = { 'content-type': JSON_TYPE, accept: JSON_TYPE };
  const under = (model: string) => {
    const path = pathOf(model, 'count-tokens');
    return runtime.send({ method: 'POST', path, headers, body }, key.parts, signal);
  };
  const plain = withoutProfile(request.model);
  let response = await under(plain);
  if (response.status === 400 && plain !== request.model) {
    response.body.resume();
    response = await under(request.model);
  }
  if (!isAnswer(response, JSON_TYPE)) return refusal(response, served);
  const told = countAnswer.safeParse(parsedJson(await answerText(response.body)));
  if (!told.success) return anthropicRefusal('bad_gateway', 'The count is not intelligible.');
  const answer = JSON.stringify({ input_tokens: told.data.inputTokens });
  return wholeReply({ status: 200, headers: replyHeaders(response), body: answer });
}

function refusal(response: ProviderAnswer, served: Served): Promise<ModelReply> {
  if (/^expiredtoken/i.test(exceptionOf(response))) {
    response.body.resume();
    const message = `The model provider says that ${whoseKey(served.key)} temporary key has expired.`;
    return Promise.resolve(anthropicRefusal('unauthenticated', message));
  }
  return cloudRefusal(response, readBedrockError(response), refusedKey(served));
}

function refusedKey({ runtime, key }: Served): RefusedKey {
  const { parts } = key;
  const secrets = ['access_key_id', 'secret_access_key', 'session_token'].map((name) =>
    parts.optional(name),
  );
  return {
    whose: whoseKey(key),
    secrets: [...secrets.filter((secret) => secret !== null), ...runtime.hosts],
    accountLike: ACCOUNT_LIKE,
  };
}

function replyHeaders({ headers }: ProviderAnswer): Record<string, string> {
  const id = headers['x-amzn-requestid'];
  return { ...answerHeaders(headers), ...(id !== undefined && { 'request-id': id }) };
}

function pathOf(model: string, action: string): string {
  return `/model/${encodeURIComponent(model)}/${action}`;
}
