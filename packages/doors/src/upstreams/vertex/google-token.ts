import { SignJWT } from 'jose';
import { z } from 'zod';
import { parsedJson } from '../../wire/parsed-json.ts';
import { UpstreamError } from '../port.ts';
import type { ProviderConnection } from '../provider-connection.ts';
import { answerText } from '../provider-refusal.ts';
import type { ServiceAccount } from './service-account.ts';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ASSERTION_LIFE_S = 3_600;
/** What Google says when our clock is wrong, not the key. */
const CLOCK = /reasonable timeframe|\biat\b/;
/** The whole exchange, in ms. */
const EXCHANGE_MS = 15_000;

/** What Google answers; the token goes into a header. */
const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]{1,8192}$/),
  expires_in: z.number().positive(),
  token_type: z.string().regex(/^bearer$/i),
});

/** A token to call Google with. */
export interface GoogleToken {
  token: string;
  /** Seconds from when it was asked for. */
  lifeS: number;
}

/**
 * Signs in as a service account (RFC 7523). `null`: Google refuses the account. Rejects with
 * {@link UpstreamError} where it gives no answer to that.
 */
export async function fetchGoogleToken(
  connection: ProviderConnection,
  account: ServiceAccount,
  audience: string,
): Promise<GoogleToken | null> {
  const assertion = await new SignJWT({ scope: SCOPE })
    .setProtectedHeader({
      alg: 'RS256',
      typ: 'JWT',
      ...(account.keyId === undefined ? {} : { kid: account.keyId }),
    })
    .setIssuer(account.email)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${ASSERTION_LIFE_S} s`)
    .sign(account.privateKey);
  const body = Buffer.from(new URLSearchParams({ grant_type: GRANT_TYPE, assertion }).toString());
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
    'accept-encoding': 'identity',
  };
  const signal = AbortSignal.timeout(EXCHANGE_MS);
  const request = { method: 'POST' as const, path: '', headers, body };
  const response = await connection.send(request, signal).catch((cause: unknown) => {
    throw notSignedIn(cause);
  });
  const text = await answerText(response.body);
  const { status } = response;
  const refused = status === 400 || status === 401 || status === 403;
  if (refused && !CLOCK.test(text)) return null;
  const told = tokenAnswer.safeParse(status === 200 ? parsedJson(text) : null);
  if (!told.success) throw notSignedIn(new Error(`the token's answer has status ${status}`));
  return { token: told.data.access_token, lifeS: told.data.expires_in };
}

/** No model was called. */
function notSignedIn(cause: unknown): UpstreamError {
  return new UpstreamError('The model provider could not be signed in to.', { sent: false, cause });
}
