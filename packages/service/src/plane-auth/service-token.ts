import { createHash, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { signingKey } from './imported-keys.ts';
import type { PlanePrivateKey } from './key-pair.ts';

/** `typ` of a service token's header. */
export const SERVICE_TOKEN_TYPE = 'karta-service+jwt';
/** Whom a service token is for. */
export type PlaneName = 'control' | 'data';

/** Life of a service token, in seconds. */
export const SERVICE_TOKEN_SECONDS = 60;
/** How far the clocks of two planes may be apart, in seconds. */
export const CLOCK_SKEW_SECONDS = 30;

/**
 * Stands for the digest of a body that is streamed and is held against a digest of its own, such as
 * an archive that is named by its content.
 */
export const UNSIGNED_STREAM = 'UNSIGNED-STREAM';

/** The one request that a service token is good for. */
export interface BoundRequest {
  method: string;
  /** With the query, as it stands on the request line. */
  path: string;
  /** SHA-256 of the body, hex, or {@link UNSIGNED_STREAM}. */
  bodyDigest: string;
}

/** SHA-256 of a body, hex; of nothing when there is none. */
export function bodyDigest(body: string | Uint8Array = ''): string {
  return createHash('sha256').update(body).digest('hex');
}

/** A token for one request to the other plane: good once, for {@link SERVICE_TOKEN_SECONDS}. */
export async function mintServiceToken(
  key: PlanePrivateKey,
  audience: PlaneName,
  request: BoundRequest,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ htm: request.method, htu: request.path, body: request.bodyDigest })
    .setProtectedHeader({ alg: 'EdDSA', typ: SERVICE_TOKEN_TYPE, kid: key.kid })
    .setAudience(`karta-${audience}`)
    .setIssuedAt(now)
    .setExpirationTime(now + SERVICE_TOKEN_SECONDS)
    .setJti(randomUUID())
    .sign(await signingKey(key));
}
