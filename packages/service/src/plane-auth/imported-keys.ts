import { type CryptoKey, importJWK } from 'jose';
import type { PlanePrivateKey, PlanePublicKey } from './key-pair.ts';

/** Keys as the crypto library holds them; importing one takes longer than signing with it. */
const imported = new WeakMap<PlanePublicKey, Promise<CryptoKey>>();

/** A private key, imported once. */
export function signingKey(key: PlanePrivateKey): Promise<CryptoKey> {
  return once(key);
}

/** A public key, imported once. */
export function verifyingKey(key: PlanePublicKey): Promise<CryptoKey> {
  return once(key);
}

function once(key: PlanePublicKey): Promise<CryptoKey> {
  let known = imported.get(key);
  if (known === undefined) {
    // A JWK of this kind is always a key pair's half, never bytes.
    known = importJWK({ ...key }, 'EdDSA') as Promise<CryptoKey>;
    imported.set(key, known);
  }
  return known;
}
