import { KartaError } from '@karta/protocol';

/** Longer than any credential; what is longer is refused before anything looks at it. */
const MAX_CREDENTIAL_CHARS = 8192;

/**
 * The credential of a request, from `Authorization: Bearer` or `x-api-key`, or `null` when it has
 * none. Throws `KartaError('conflicting_credentials')` when both stand there and differ.
 */
export function credentialOf(headers: Pick<Headers, 'get'>): string | null {
  const bearer = bearerOf(headers.get('authorization'));
  const apiKey = headers.get('x-api-key')?.trim() || null;
  if (bearer !== null && apiKey !== null && bearer !== apiKey) {
    throw new KartaError('conflicting_credentials');
  }
  const credential = bearer ?? apiKey;
  return credential !== null && credential.length <= MAX_CREDENTIAL_CHARS ? credential : null;
}

function bearerOf(authorization: string | null | undefined): string | null {
  const match = /^bearer +(\S+) *$/i.exec(authorization ?? '');
  return match?.[1] ?? null;
}
