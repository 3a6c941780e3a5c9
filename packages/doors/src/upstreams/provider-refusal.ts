import type { Readable } from 'node:stream';
import { GatheredBytes, type WireFamily } from '@karta/protocol';
import { UPSTREAM_ERROR_BYTES } from '../limits.ts';
import { refuse } from '../wire/errors.ts';
import type { ModelReply } from './port.ts';
import { wholeReply } from './whole-reply.ts';

/** What looks like a key of a provider, whole or masked. */
const KEY_LIKE = /\b(?:sk|pk|key)[-_][\w*.-]{6,}/gi;
const HIDDEN = '[hidden]';

/**
 * A provider's refusal as the sandbox may see it: the provider's status and error, without the key
 * (OpenAI quotes a part of it), hosts or anything that is no error object. A refused key is told as
 * such and no more.
 */
export async function providerRefusal(
  family: WireFamily,
  status: number,
  headers: Record<string, string>,
  body: Readable,
  key: { whose: string; secrets: readonly string[] },
): Promise<ModelReply> {
  const text = await answerText(body);
  if (status === 401 || status === 403) {
    const refusal = status === 401 ? 'unauthenticated' : 'forbidden';
    return wholeReply(refuse(family, refusal, `The model provider refused ${key.whose} key.`));
  }
  const error = errorIn(text);
  if (error === null || status < 400) {
    const answer = refuse(family, 'bad_gateway', 'The model provider answered unintelligibly.');
    return wholeReply({ ...answer, headers: { ...waitOf(headers), ...answer.headers } });
  }
  const clean = redact(JSON.stringify({ ...error.envelope, error: error.error }), key.secrets);
  return wholeReply({
    status,
    headers: { ...headers, 'content-type': 'application/json' },
    body: clean,
  });
}

/** When to come again, as the provider says it. */
function waitOf(headers: Record<string, string>): Record<string, string> {
  const names = ['retry-after', 'retry-after-ms', 'x-should-retry'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name)));
}

/** The text of a short answer, or nothing where it is too long or broke off. */
export async function answerText(body: Readable): Promise<string> {
  const gathered = new GatheredBytes();
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (gathered.length + chunk.length > UPSTREAM_ERROR_BYTES) break;
      gathered.push(chunk);
    }
  } catch {
    // It broke off: its status is known, its text is not intelligible.
    return '';
  }
  return new TextDecoder().decode(gathered.take());
}

const ERROR_FIELDS = ['type', 'message', 'code', 'param'];

/** The error object of a provider's envelope, known fields only. */
function errorIn(text: string): { envelope: object; error: Record<string, unknown> } | null {
  try {
    const { type, error } = JSON.parse(text);
    if (typeof error?.message !== 'string') return null;
    const kept = ERROR_FIELDS.filter((field) => field in error).map((key) => [key, error[key]]);
    return { envelope: type === 'error' ? { type } : {}, error: Object.fromEntries(kept) };
  } catch {
    return null;
  }
}

/** The text without secrets and without what looks like a key. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) if (secret !== '') clean = clean.replaceAll(secret, HIDDEN);
  return clean.replace(KEY_LIKE, HIDDEN);
}
