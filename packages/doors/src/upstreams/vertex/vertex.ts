import { vertexLocation } from '@karta/protocol';
import type { UpstreamKey } from '../../keys/key-parts.ts';
import { answerHeaders } from '../answer-headers.ts';
import { cloudRefusal, isAnswer, keyRefusal, whoseKey } from '../cloud-refusal.ts';
import type { ModelReply, Upstream } from '../port.ts';
import { type ProviderAnswer, providerConnection } from '../provider-connection.ts';
import { answerText } from '../provider-refusal.ts';
import { anthropicRefusal } from '../whole-reply.ts';
import { anthropicStream } from './anthropic-stream.ts';
import { fetchGoogleToken } from './google-token.ts';
import { vertexAddress } from './location.ts';
import { pricedVertexModel } from './model-name.ts';
import { readVertexError } from './refusal.ts';
import { type VertexRequest, vertexRequest } from './request.ts';
import { readServiceAccount, type ServiceAccount } from './service-account.ts';
import { TokenCache } from './token-cache.ts';

/** Where Google signs in whoever brings a service account, whatever its file says. */
const TOKEN_URL = 'https://oauth2.googleapis.com/token';
/** Names of resources and of service accounts. */
const ACCOUNT_LIKE = /\bprojects\/[^\s"',`]*|[\w.-]+@[\w-]+\.iam\.gserviceaccount\.com/g;

/** Where Vertex is reached. */
export interface VertexOptions {
  /** `global`, `us`, `eu` or a region, as `us-east5`. */
  location: string;
  /** The project that is billed; `null`: the service account's own. */
  project: string | null;
  /** In place of Google's own address of the location, with its `/v1`; `null`: this. */
  baseUrl: string | null;
  /** In place of Google's own; `null`: this. */
  tokenUrl: string | null;
}

/** A call that has found who signs in for it. */
interface Signed {
  account: ServiceAccount;
  token: string;
  key: UpstreamKey;
}

/** Claude on Google Vertex, by the Anthropic wire. Throws an `Error` for what is no location. */
export function vertexUpstream(options: VertexOptions): Upstream {
  const { location } = options;
  if (!vertexLocation.safeParse(location).success)
    throw new Error(`"${location}" is no location of Vertex`);
  const baseUrl = versioned(options.baseUrl ?? vertexAddress(location));
  const connection = providerConnection({ baseUrl });
  const tokenUrl = options.tokenUrl ?? TOKEN_URL;
  const signIn = providerConnection({ baseUrl: tokenUrl });
  const tokens = new TokenCache();

  /** `null`: Google refuses the account, or it is none. */
  async function signed(key: UpstreamKey, refused: string | null): Promise<Signed | null> {
    const file = key.parts.part('service_account');
    const account = readServiceAccount(file);
    if (account === null) return null;
    const fetch = () => fetchGoogleToken(signIn, account, tokenUrl);
    const token = await tokens.of(file, fetch, refused);
    return token === null ? null : { account, token, key };
  }

  function post(request: VertexRequest, by: Signed, signal: AbortSignal) {
    const project = encodeURIComponent(options.project ?? by.account.projectId);
    const path = `/projects/${project}/locations/${location}/publishers/anthropic/models/${request.action}`;
    const headers = {
      ...request.headers,
      'accept-encoding': 'identity',
      authorization: `Bearer ${by.token}`,
    };
    return connection.send({ method: 'POST', path, headers, body: request.body }, signal);
  }

  /** `null`: the key is refused. A token that Google takes back early is replaced once. */
  async function ask(
    request: VertexRequest,
    key: UpstreamKey,
    signal: AbortSignal,
  ): Promise<{ response: ProviderAnswer; by: Signed } | null> {
    const by = await signed(key, null);
    if (by === null) return null;
    const response = await post(request, by, signal);
    if (response.status !== 401) return { response, by };
    const anew = await signed(key, by.token);
    if (anew === null || anew.token === by.token) return { response, by };
    response.body.resume();
    return { response: await post(request, anew, signal), by: anew };
  }

  function refusal(response: ProviderAnswer, { account, token, key }: Signed) {
    return cloudRefusal(response, readVertexError(response), {
      whose: whoseKey(key),
      secrets: [
        ...[token, account.secret, account.email, account.projectId],
        ...(options.project === null ? [] : [options.project]),
        ...[...connection.hosts, ...signIn.hosts],
      ],
      accountLike: ACCOUNT_LIKE,
    });
  }

  return {
    id: 'vertex',
    families: ['anthropic'],
    lacks: ['models', 'model'],
    endpoint: connection.endpoint,
    nameOf: (model) => pricedVertexModel(model, location),
    async send(call, key, signal): Promise<ModelReply> {
      if (key === null) throw new Error('Vertex is not called without a key');
      const { name } = call.route;
      if (name !== 'messages' && name !== 'count_tokens') {
        return anthropicRefusal('not_found', 'Google Vertex has no such endpoint.');
      }
      const request = vertexRequest(call, name === 'count_tokens');
      if ('problem' in request) return anthropicRefusal('invalid_request', request.problem);
      if ('noModel' in request) {
        return anthropicRefusal('not_found', `Google Vertex has no model "${request.noModel}".`);
      }
      const asked = await ask(request, key, signal);
      if (asked === null) return keyRefusal('unauthenticated', { whose: whoseKey(key) });
      const { response, by } = asked;
      const type = request.stream ? 'text/event-stream' : 'application/json';
      if (!isAnswer(response, type)) return refusal(response, by);
      const body = request.stream ? anthropicStream(response.body) : response.body;
      return { status: 200, headers: answerHeaders(response.headers), body };
    },
    async probe(key, signal) {
      const asked = await ask(probe(), key, signal);
      if (asked === null) return { status: 401, knownOnly: false };
      const { response } = asked;
      await answerText(response.body);
      return { status: response.status, knownOnly: false };
    },
    close() {
      tokens.clear();
      connection.close();
      signIn.close();
    },
  };
}

/** Google's paths begin with a version: an address that names none is meant with it. */
function versioned(baseUrl: string): string {
  const { pathname, origin } = new URL(baseUrl);
  return pathname === '/' ? `${origin}/v1` : baseUrl;
}

/** What a key is tried with: counting costs nothing, and needs what a call needs. */
function probe(): VertexRequest {
  const question = { model: 'claude-haiku-4-5', messages: [{ role: 'user', content: 'Hello' }] };
  const request = vertexRequest({ headers: {}, body: Buffer.from(JSON.stringify(question)) }, true);
  if ('action' in request) return request;
  throw new Error('the question that a key is tried with is not a request');
}
