import { createHash } from 'node:crypto';
import { decrypt, encrypt, KEY_BYTES } from '../sealing/aes-gcm.ts';

/** A data key as it may be stored: useless without the key-encryption key that it names. */
export interface WrappedKey {
  kekId: string;
  wrapped: string;
}

/**
 * Wraps data keys by a key-encryption key that never leaves it. `context` says whose data key it is
 * and is needed again to unwrap it. Another service than this process's own keys is another
 * implementation of this.
 */
export interface KmsPort {
  /** The key that wraps from now on. */
  readonly currentId: string;
  wrap(dataKey: Buffer, context: readonly string[]): Promise<WrappedKey>;
  /** Throws an `Error` for another context, a changed text, or a key that it does not have. */
  unwrap(key: WrappedKey, context: readonly string[]): Promise<Buffer>;
}

/**
 * Key-encryption keys in this process: 64 hex digits each, separated by commas or white space. The
 * first wraps; the others only open what they have wrapped, until that is wrapped anew. Throws an
 * `Error` that shows nothing of them.
 */
export function localKms(text: string): KmsPort {
  const keys = new Map<string, Buffer>();
  for (const entry of text.split(/[\s,]+/).filter((part) => part !== '')) {
    if (!/^[0-9a-f]{64}$/i.test(entry)) {
      throw new Error(`a key-encryption key is not ${KEY_BYTES} bytes in hex digits`);
    }
    const key = Buffer.from(entry, 'hex');
    keys.set(createHash('sha256').update(key).digest('hex').slice(0, 16), key);
  }
  const [first] = keys;
  if (first === undefined) throw new Error('there is no key-encryption key');
  const [currentId, current] = first;
  return {
    currentId,
    wrap: async (dataKey, context) => ({
      kekId: currentId,
      wrapped: encrypt(current, dataKey, ['kek', currentId, ...context]),
    }),
    async unwrap({ kekId, wrapped }, context) {
      const key = keys.get(kekId);
      if (key === undefined) {
        throw new Error(`the key-encryption key ${kekId} is not among those of this server`);
      }
      return decrypt(key, wrapped, ['kek', kekId, ...context]);
    },
  };
}
