import { createHash, generateKeyPairSync } from 'node:crypto';
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
export function newPlaneKey(): PlanePrivateKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { x, d } = privateKey.export({ format: 'jwk' });
  return planePrivateKey.parse({ kty: 'OKP', crv: 'Ed25519', x, d, kid: thumbprint(x ?? '') });
}

/** Whether a key bears the name of its public half, and not that of another's. */
export function isNamedByItself({ x, kid }: PlanePublicKey): boolean {
  return kid === thumbprint(x);
}

/** RFC 7638: of the members that make the key, in this order. */
function thumbprint(x: string): string {
  const members = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x });
  return createHash('sha256').update(members).digest('base64url');
}

/** The half of a key that may be told to everybody. */
export function publicHalf({ kty, crv, x, kid }: PlanePrivateKey): PlanePublicKey {
  return { kty, crv, x, kid };
}

/** The id of the plane that holds a key: what grants are bound to. It cannot be claimed by another. */
export function nodeIdOf(kid: string): string {
  return `node_${kid.slice(0, 16)}`;
}
