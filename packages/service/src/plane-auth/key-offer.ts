import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { signingKey, verifyingKey } from './imported-keys.ts';
import {
  isNamedByItself,
  type PlanePrivateKey,
  type PlanePublicKey,
  planePublicKey,
} from './key-pair.ts';

/** `typ` of what a plane says of its next key. */
const KEY_OFFER_TYPE = 'karta-plane-key+jwt';

/** Whose key is to change: a data plane's, or its doors'. */
export const nodeKeyKind = z.enum(['node', 'doors']);
export type NodeKeyKind = z.infer<typeof nodeKeyKind>;

/** `POST /v1/internal/plane-keys/offer`: make the next key, and tell its public half. */
export const offerKeyBody = z.strictObject({ rotation_id: z.string().min(1), kind: nodeKeyKind });

/** The public half of a plane's next key, in a token that its present key has signed. */
export const keyOffer = z.strictObject({ offer: z.string().min(1) });
export type KeyOffer = z.infer<typeof keyOffer>;

/** `POST /v1/internal/plane-keys/use`: sign with the key that was offered, from now on. */
export const useKeyBody = z.strictObject({ kid: z.string().min(1), kind: nodeKeyKind });
/** The key that is signed with. */
export const usedKey = z.strictObject({ kid: z.string().min(1) });

/** `POST /v1/internal/plane-keys/control`: this key of the control plane counts too. */
export const trustKeyBody = z.strictObject({
  key: planePublicKey,
  /** How long the keys before it count once it has signed a request, in milliseconds. */
  overlap_ms: z.int().nonnegative(),
});
export type TrustKeyBody = z.infer<typeof trustKeyBody>;

const claims = z.object({ rotation_id: z.string(), key: planePublicKey });

/** Says under the present key which one comes next. It never expires: it is for one rotation. */
export async function signKeyOffer(
  present: PlanePrivateKey,
  said: { rotationId: string; key: PlanePublicKey },
): Promise<string> {
  return new SignJWT({ rotation_id: said.rotationId, key: said.key })
    .setProtectedHeader({ alg: 'EdDSA', typ: KEY_OFFER_TYPE, kid: present.kid })
    .sign(await signingKey(present));
}

/**
 * The key that was offered for this rotation; `null` when no key that `of` finds has signed it, or
 * it is not what it says it is.
 */
export async function readKeyOffer(
  offer: string,
  expected: { rotationId: string; of(kid: string): Promise<PlanePublicKey | null> },
): Promise<PlanePublicKey | null> {
  const checked = await jwtVerify(
    offer,
    async ({ kid }) => {
      const present = await expected.of(kid ?? '');
      if (present === null) throw new Error('of no known key');
      return verifyingKey(present);
    },
    { algorithms: ['EdDSA'], typ: KEY_OFFER_TYPE },
  ).catch(() => null);
  const said = claims.safeParse(checked?.payload);
  if (!said.success || said.data.rotation_id !== expected.rotationId) return null;
  return isNamedByItself(said.data.key) ? said.data.key : null;
}
