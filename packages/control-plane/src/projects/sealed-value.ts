import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { secretFile } from '@karta/service';
import type { SealedValue } from './tables.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts secrets at rest: each under a key of its own, which is sealed under the master key. */
export interface Sealer {
  /** `context` (whose value it is, under which name) is needed again to open it. */
  seal(value: string, context: readonly string[]): SealedValue;
  /** Throws an `Error` when it was sealed in another context, under another key, or changed. */
  open(sealed: SealedValue, context: readonly string[]): string;
}

/**
 * A sealer under the home's master key, made at first use in `secrets/master-key`. Whoever loses
 * the file loses the secrets.
 */
export async function openSealer(home: string): Promise<Sealer> {
  const master = Buffer.from(await secretFile(home, 'master-key'), 'hex');
  const id = createHash('sha256').update(master).digest('hex').slice(0, 16);
  return {
    seal(value, context) {
      const dataKey = randomBytes(KEY_BYTES);
      return {
        key: id,
        data_key: encrypt(master, dataKey, [id, ...context]),
        value: encrypt(dataKey, Buffer.from(value, 'utf8'), context),
      };
    },
    open(sealed, context) {
      if (sealed.key !== id) throw new Error('a secret was sealed under another master key');
      const dataKey = decrypt(master, sealed.data_key, [id, ...context]);
      return decrypt(dataKey, sealed.value, context).toString('utf8');
    },
  };
}

/** AES-256-GCM: nonce, ciphertext and tag, base64. */
function encrypt(key: Buffer, plain: Buffer, context: readonly string[]): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(JSON.stringify(context)));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64');
}

function decrypt(key: Buffer, text: string, context: readonly string[]): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(JSON.stringify(context)));
  decipher.setAuthTag(bytes.subarray(end));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, end)), decipher.final()]);
}
