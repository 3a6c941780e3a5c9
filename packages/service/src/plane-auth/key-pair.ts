import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';

/** The public half of a plane's key, as the other plane is configured with it. */
export const planePublicKey = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().min(1),
  kid: z.string().min(1),
});
export type PlanePublicKey = z.infer<typeof planePublicKey>;

/** What a plane signs its requests to the other one with. Secret. */
export const planePrivateKey = z.strictObject({ ...planePublicKey.shape, d: z.string().min(1) });
export type PlanePrivateKey = z.infer<typeof planePrivateKey>;

/**
 * A fresh Ed25519 key. Its `kid` is the thumbprint of its public half, so that nobody can claim the
 * name of another's key.
 */
export async function newPlaneKey(): Promise<PlanePrivateKey> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  return planePrivateKey.parse({ kty: jwk.kty, crv: jwk.crv, x: jwk.x, d: jwk.d, kid });
}

/** The half of a key that may be told to everybody. */
export function publicHalf({ kty, crv, x, kid }: PlanePrivateKey): PlanePublicKey {
  return { kty, crv, x, kid };
}

/** The id of the plane that holds a key: what grants are bound to. It cannot be claimed by another. */
export function nodeIdOf(kid: string): string {
  return `node_${kid.slice(0, 16)}`;
}
