import { z } from 'zod';
import { parsedJson } from '../../wire/parsed-json.ts';
import { type CloudError, errorTypeOf } from '../cloud-refusal.ts';
import type { ProviderAnswer } from '../provider-connection.ts';

/** Kinds of errors by the name of AWS's exception, in lower case. */
const TYPES: Readonly<Record<string, string>> = {
  validationexception: 'invalid_request_error',
  resourcenotfoundexception: 'not_found_error',
  throttlingexception: 'rate_limit_error',
  servicequotaexceededexception: 'rate_limit_error',
  modelnotreadyexception: 'overloaded_error',
  serviceunavailableexception: 'overloaded_error',
  modeltimeoutexception: 'timeout_error',
  modelerrorexception: 'api_error',
  modelstreamerrorexception: 'api_error',
  internalserverexception: 'api_error',
  accessdeniedexception: 'permission_error',
  unrecognizedclientexception: 'authentication_error',
  invalidclienttokenid: 'authentication_error',
  invalidsignatureexception: 'authentication_error',
  incompletesignatureexception: 'authentication_error',
  missingauthenticationtokenexception: 'authentication_error',
  expiredtokenexception: 'authentication_error',
};

/** AWS takes no signature that is five minutes off: then our clock is wrong, not the key. */
const CLOCK = /signature (expired|not yet current)/i;

const errorBody = z.object({
  message: z.string().optional(),
  Message: z.string().optional(),
  __type: z.string().optional(),
});

/** The kind of an exception within a stream. */
export function bedrockErrorType(exception: string): string {
  return TYPES[exception.toLowerCase()] ?? 'api_error';
}

/** The name of the exception that an answer is, as `ThrottlingException`; empty where none is told. */
export function exceptionOf({ headers }: ProviderAnswer, text = ''): string {
  const named = headers['x-amzn-errortype'] ?? bodyOf(text)?.__type ?? '';
  return named.replace(/^.*#/, '').replace(/:.*$/, '');
}

/** Understands AWS's refusals. */
export function readBedrockError(answer: ProviderAnswer): (text: string) => CloudError | null {
  return (text) => {
    const body = bodyOf(text);
    if (body === null) return null;
    const message = body.message ?? body.Message ?? 'The model provider refused the request.';
    if (CLOCK.test(message)) {
      return { type: 'api_error', message: "The clock of this server is wrong, by AWS's." };
    }
    const type = TYPES[exceptionOf(answer, text).toLowerCase()] ?? errorTypeOf(answer.status);
    return { type, message };
  };
}

/** `null` for HTML, and for a refusal that broke off. */
function bodyOf(text: string): z.infer<typeof errorBody> | null {
  return errorBody.safeParse(parsedJson(text)).data ?? null;
}
