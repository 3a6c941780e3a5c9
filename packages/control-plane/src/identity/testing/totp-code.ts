import { createHmac } from 'node:crypto';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Milliseconds that an authenticator app shows a code for. */
const STEP_MS = 30_000;

/**
 * The code that an authenticator app shows next, which is taken already: a code counts once, so who
 * has used that of now needs another.
 */
export function nextTotpCode(uri: string): string {
  return totpCode(uri, Date.now() + STEP_MS);
}

/** The code that an authenticator app shows now for an `otpauth://` address (RFC 6238). */
export function totpCode(uri: string, now = Date.now()): string {
  const secret = new URL(uri).searchParams.get('secret') ?? '';
  let bits = '';
  for (const letter of secret.replace(/=+$/, '')) {
    bits += BASE32.indexOf(letter).toString(2).padStart(5, '0');
  }
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(now / STEP_MS)));
  const mac = createHmac('sha1', Buffer.from(bytes)).update(step).digest();
  const offset = (mac.at(-1) ?? 0) & 15;
  const number = (mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000;
  return String(number).padStart(6, '0');
}
