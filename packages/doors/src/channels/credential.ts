import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

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
  /** What a connection has shown that was right. */
  readonly #shown = new WeakMap<object, string>();

  constructor(value: string) {
    this.digest = sha256(value);
  }

  matches(given: string): boolean {
    return timingSafeEqual(sha256(given), this.digest);
  }

  /**
   * As `matches`. What was right on a connection before is compared as it is: whoever knows it there
   * has nothing to learn from how long that takes.
   */
  matchesOn(connection: object, given: string | undefined): boolean {
    if (given === undefined) return false;
    if (this.#shown.get(connection) === given) return true;
    const right = this.matches(given);
    if (right) this.#shown.set(connection, given);
    return right;
  }
}

/** Whether a request carries the secret, as `x-api-key` or as bearer token. */
export function carries(
  secret: Secret,
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
): boolean {
  const key = headers['x-api-key'];
  if (typeof key === 'string' && secret.matchesOn(socket, key)) return true;
  return secret.matchesOn(socket, BEARER.exec(headers.authorization ?? '')?.[1]);
}

function sha256(value: string): Buffer {
  return hash('sha256', value, 'buffer');
}
