import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Random bytes of a channel's credential. */
const CREDENTIAL_BYTES = 32;
const BEARER = /^Bearer +(\S+)$/i;

/** A fresh credential; worth nothing outside its channel. */
export function newCredential(): string {
  return `kch_${randomBytes(CREDENTIAL_BYTES).toString('base64url')}`;
}

/** Compares in constant time, whatever the lengths: only digests of equal length are compared. */
export class Secret {
  private readonly digest: Buffer;

  constructor(value: string) {
    this.digest = sha256(value);
  }

  matches(given: string | undefined): boolean {
    return given !== undefined && timingSafeEqual(sha256(given), this.digest);
  }
}

/** Whether a request carries the secret, as `x-api-key` or as bearer token. */
export function carries(secret: Secret, headers: IncomingHttpHeaders): boolean {
  const key = headers['x-api-key'];
  const bearer = BEARER.exec(headers.authorization ?? '')?.[1];
  return secret.matches(typeof key === 'string' ? key : undefined) || secret.matches(bearer);
}

function sha256(value: string): Buffer {
  return hash('sha256', value, 'buffer');
}
