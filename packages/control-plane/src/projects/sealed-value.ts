import { createHash, randomBytes } from 'node:crypto';
import { secretFile } from '@karta/service';
import { decrypt, encrypt, KEY_BYTES } from '../sealing/aes-gcm.ts';
import type { SealedValue } from './tables.ts';

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
