import type { WireFamily } from '@karta/protocol';

/** What can go wrong with a model call, named independently of the wire. */
export type Refusal =
  | 'invalid_request'
  | 'unauthenticated'
  | 'budget_exhausted'
  | 'forbidden'
  | 'not_found'
  | 'too_large'
  | 'rate_limited'
  | 'internal'
  | 'bad_gateway'
  | 'overloaded';

/** A whole HTTP answer. */
export interface WholeAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const ANTHROPIC: Record<Refusal, { status: number; type: string }> = {
  invalid_request: { status: 400, type: 'invalid_request_error' },
  unauthenticated: { status: 401, type: 'authentication_error' },
  budget_exhausted: { status: 402, type: 'billing_error' },
  forbidden: { status: 403, type: 'permission_error' },
  not_found: { status: 404, type: 'not_found_error' },
  too_large: { status: 413, type: 'request_too_large' },
  rate_limited: { status: 429, type: 'rate_limit_error' },
  internal: { status: 500, type: 'api_error' },
  bad_gateway: { status: 502, type: 'api_error' },
  overloaded: { status: 529, type: 'overloaded_error' },
};

/**
 * A 400 or 401 of type `server_error` is retried by harnesses for more than a minute;
 * `invalid_request_error` fails at once, and is what the provider sends.
 */
const OPENAI: Record<Refusal, { status: number; type: string; code: string | null }> = {
  invalid_request: { status: 400, type: 'invalid_request_error', code: null },
  unauthenticated: { status: 401, type: 'invalid_request_error', code: 'invalid_api_key' },
  budget_exhausted: { status: 402, type: 'invalid_request_error', code: 'budget_exhausted' },
  forbidden: { status: 403, type: 'invalid_request_error', code: 'permission_denied' },
  not_found: { status: 404, type: 'invalid_request_error', code: 'unknown_url' },
  too_large: { status: 413, type: 'invalid_request_error', code: 'request_too_large' },
  rate_limited: { status: 429, type: 'requests', code: 'rate_limit_exceeded' },
  internal: { status: 500, type: 'server_error', code: null },
  bad_gateway: { status: 502, type: 'server_error', code: null },
  overloaded: { status: 503, type: 'server_error', code: 'server_overloaded' },
};

/** Refusals that the same request will meet again: official clients are told not to retry. */
const FINAL: ReadonlySet<Refusal> = new Set<Refusal>([
  'invalid_request',
  'unauthenticated',
  'budget_exhausted',
  'forbidden',
  'not_found',
  'too_large',
]);

/** Seconds a client should wait after a rate limit of our own or of the demo model. */
const RETRY_AFTER_S = 1;

/**
 * A refusal in the envelope that the family's provider uses, so that harnesses react as they do to
 * the provider itself. An overloaded provider is 529 for Anthropic and 503 for OpenAI.
 */
export function refuse(family: WireFamily, refusal: Refusal, message: string): WholeAnswer {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (FINAL.has(refusal)) headers['x-should-retry'] = 'false';
  if (refusal === 'rate_limited') headers['retry-after'] = String(RETRY_AFTER_S);
  if (family === 'anthropic') {
    const { status, type } = ANTHROPIC[refusal];
    return { status, headers, body: JSON.stringify({ type: 'error', error: { type, message } }) };
  }
  const { status, type, code } = OPENAI[refusal];
  return { status, headers, body: JSON.stringify({ error: { message, type, param: null, code } }) };
}
