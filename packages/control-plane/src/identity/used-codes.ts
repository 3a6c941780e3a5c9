import { KartaError } from '@karta/protocol';
import { APIError } from 'better-auth/api';
import type { Attempts } from './attempts.ts';

/** Longer than a code of an authenticator is taken for: its own half minute, and one either side. */
const CODE_LIFE_MS = 2 * 60 * 1000;

/**
 * Takes a code of an authenticator, which counts once (RFC 6238, 5.2): whoever has seen it typed
 * cannot sign in with it. Throws better-auth's refusal when this account has used it already.
 */
export async function takeCode(attempts: Attempts, account: string, code: string): Promise<void> {
  try {
    await attempts.take(`totp:${account}:${code}`, { max: 1, windowMs: CODE_LIFE_MS });
  } catch (error) {
    if (!KartaError.is(error) || error.code !== 'rate_limited') throw error;
    throw new APIError('UNAUTHORIZED', {
      code: 'CODE_USED',
      message: 'This code was used already. Wait for the next one and sign in again with it.',
    });
  }
}
