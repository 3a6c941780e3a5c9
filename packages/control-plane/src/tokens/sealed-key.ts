import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals the private halves of signing keys, each under its own name (AES-256-GCM). */
export interface KeySeal {
  seal(kid: string, text: string): string;
  /** Throws an `Error` when the pepper is another one than at sealing. */
  open(kid: string, sealed: string): string;
}

/** A seal under a key derived from the pepper: who has only the database can sign nothing. */
export function keySeal(pepper: Buffer): KeySeal {
  const key = Buffer.from(hkdfSync('sha256', pepper, '', 'karta token keys', 32));
  return {
    seal(kid, text) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(kid));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
    },
    open(kid, sealed) {
      const bytes = Buffer.from(sealed, 'base64');
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce);
      decipher.setAAD(Buffer.from(kid)).setAuthTag(tag);
      try {
        const body = bytes.subarray(NONCE_BYTES + TAG_BYTES);
        return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
      } catch (cause) {
        throw new Error(
          `The token key ${kid} was sealed under another pepper: restore secrets/pepper, or remove ` +
            'the row from token_keys to have a fresh key made.',
          { cause },
        );
      }
    },
  };
}
