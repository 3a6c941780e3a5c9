import type { WireFamily } from '@karta/protocol';
import type { KeyParts, UpstreamKey } from '../keys/key-parts.ts';
import { answerHeaders } from './answer-headers.ts';
import type { ModelCall, ModelReply, Upstream } from './port.ts';
import {
  type ConnectionOptions,
  type ProviderAnswer,
  providerConnection,
} from './provider-connection.ts';
import { providerRefusal } from './provider-refusal.ts';
import { answeredAs, wholeReply } from './whole-reply.ts';

/** A provider reached over HTTP. */
export interface ProviderOptions extends ConnectionOptions {
  id: Upstream['id'];
  family: WireFamily;
  /** The headers that carry the key. */
  authorize(key: KeyParts): Record<string, string>;
}

/** A page for people, from whatever stands before the provider. */
const PAGE = /^(text\/html|application\/xhtml)/i;

/**
 * Forwards calls to a provider and streams its answers through. Redirects are not followed, answers
 * are asked for uncompressed so that their usage can be read, refusals are freed of secrets.
 */
export function providerUpstream(options: ProviderOptions): Upstream {
  const connection = providerConnection(options);

  async function send(
    call: ModelCall,
    key: UpstreamKey | null,
    signal: AbortSignal,
  ): Promise<ModelReply> {
    const { route, body } = call;
    const request = {
      method: body.length > 0 ? ('POST' as const) : ('GET' as const),
      path: `${route.path}${route.query}`,
      headers: {
        ...call.headers,
        ...(key === null ? {} : options.authorize(key.parts)),
        'accept-encoding': 'identity',
      },
      body,
    };
    const answer = await connection.send(request, signal);
    return reply(answer, key);
  }

  function reply(
    answer: ProviderAnswer,
    key: UpstreamKey | null,
  ): ModelReply | Promise<ModelReply> {
    const { status, whole } = answer;
    const encoding = answer.headers['content-encoding'] ?? 'identity';
    const headers = answerHeaders(answer.headers);
    const readable = encoding === 'identity' && !PAGE.test(headers['content-type'] ?? '');
    if (status < 200 || status >= 300 || !readable) {
      const refusal = providerRefusal(options.family, status, headers, answer.body, {
        whose: key?.ownId == null ? "the platform's" : "the org's own",
        secrets: [...(key?.parts.all() ?? []), ...connection.hosts],
      });
      return refusal.then((told) => answeredAs(told, status));
    }
    if (whole !== null) return wholeReply({ status, headers, body: whole });
    return { status, headers, body: answer.body };
  }

  return {
    id: options.id,
    families: [options.family],
    endpoint: connection.endpoint,
    send,
    close: () => connection.close(),
  };
}
