import { createHash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;

/** The token of a one-time link. Only its hash is kept. */
export function newLinkToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** SHA-256, hex: a token of 256 random bits needs no slower hash. */
export function linkTokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
