import type { UpstreamKey } from '../keys/key-parts.ts';
import { answerHeaders } from './answer-headers.ts';
import type { ModelReply } from './port.ts';
import type { ProviderAnswer } from './provider-connection.ts';
import { answerText, redact } from './provider-refusal.ts';
import { answeredAs, anthropicRefusal, wholeReply } from './whole-reply.ts';

/** What a cloud's refusal says, in Anthropic's terms. */
export interface CloudError {
  /** Of Anthropic's kinds, one of the keys of the table below. */
  type: string;
  message: string;
}

/** Statuses by which Anthropic tells its kinds of errors. */
const STATUS: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

const TYPE_OF: Readonly<Record<number, string>> = {
  ...Object.fromEntries(Object.entries(STATUS).map(([type, status]) => [status, type])),
  408: 'timeout_error',
  503: 'overloaded_error',
};

/** The kind of error that a status means; a status of no kind is a failure of the provider's. */
export function errorTypeOf(status: number): string {
  return TYPE_OF[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

/** Whose key it was, for a sentence. */
export function whoseKey({ ownId }: UpstreamKey): string {
  return ownId === null ? "the platform's" : "the org's own";
}

/** Whether it is the answer that was asked for: of this type, and readable as it is. */
export function isAnswer({ status, headers }: ProviderAnswer, type: string): boolean {
  const encoded = (headers['content-encoding'] ?? 'identity') !== 'identity';
  return status === 200 && !encoded && headers['content-type']?.startsWith(type) === true;
}

/** Whose key the call was made with, and what must not be told on. */
export interface RefusedKey {
  whose: string;
  secrets: readonly string[];
  /** What looks like a name of the account's. */
  accountLike: RegExp;
}

/** A refused key is told as such and no more. */
export function keyRefusal(
  refusal: 'unauthenticated' | 'forbidden',
  { whose }: Pick<RefusedKey, 'whose'>,
): ModelReply {
  return anthropicRefusal(refusal, `The model provider refused ${whose} key.`);
}

/** A text as the sandbox may see it. */
export function cleanText(text: string, { secrets, accountLike }: RefusedKey): string {
  return redact(text, secrets).replace(accountLike, '[hidden]');
}

/**
 * A cloud's refusal as Anthropic would have told it. `read` understands the cloud's own form; `null`
 * is what is none. A refused key is told as such and no more.
 */
export async function cloudRefusal(
  answer: ProviderAnswer,
  read: (text: string) => CloudError | null,
  key: RefusedKey,
): Promise<ModelReply> {
  const providerStatus = answer.status;
  const error = read(await answerText(answer.body));
  if (error === null || providerStatus < 300) {
    const message = 'The model provider answered unintelligibly.';
    return answeredAs(anthropicRefusal('bad_gateway', message), providerStatus);
  }
  if (error.type === 'authentication_error' || error.type === 'permission_error') {
    return keyRefusal(error.type === 'permission_error' ? 'forbidden' : 'unauthenticated', key);
  }
  const message = cleanText(error.message, key);
  return wholeReply({
    status: STATUS[error.type] ?? providerStatus,
    headers: { ...answerHeaders(answer.headers), 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'error', error: { type: error.type, message } }),
  });
}
