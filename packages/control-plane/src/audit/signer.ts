import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { type AuditHead, auditHeadText } from '@karta/protocol';
import { secretFile } from '@karta/service';
import { z } from 'zod';

const KEY_ID_CHARS = 16;

const privateJwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
});

/** Signs the heads of audit chains. */
export interface AuditSigner {
  keyId: string;
  /** The public key, base64url. */
  x: string;
  sign(head: Omit<AuditHead, 'key_id' | 'signature'>): AuditHead;
}

/** The signer of this home: its key is in `secrets/audit-signing-key`, made at first use. */
export async function auditSigner(home: string): Promise<AuditSigner> {
  const text = await secretFile(home, 'audit-signing-key', () =>
    JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })),
  );
  const jwk = privateJwk.safeParse(jsonOf(text));
  // Nothing of the file is told: it is a secret.
  if (!jwk.success) throw new Error(`${home}/secrets/audit-signing-key is damaged`);
  const key = createPrivateKey({ key: jwk.data, format: 'jwk' });
  const { x } = jwk.data;
  const keyId = createHash('sha256').update(x).digest('hex').slice(0, KEY_ID_CHARS);
  return {
    keyId,
    x,
    sign(head) {
      const unsigned: AuditHead = { ...head, key_id: keyId, signature: '' };
      const signature = sign(null, Buffer.from(auditHeadText(unsigned)), key);
      return { ...unsigned, signature: signature.toString('base64url') };
    },
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
