import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** Signing by a longer key takes so long that it would hinder others. */
const MAX_KEY_BITS = 4_096;

const serviceAccountFile = z.object({
  type: z.literal('service_account'),
  client_email: z.string().min(1),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  project_id: z.string().regex(/^([a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/),
  universe_domain: z.literal('googleapis.com').optional(),
});

/** Who signs in at Google. */
export interface ServiceAccount {
  email: string;
  projectId: string;
  privateKey: KeyObject;
  /** The text of the private key: never told on. */
  secret: string;
  keyId: string | undefined;
}

/**
 * Reads the JSON file of a service account; `null` when nobody could sign in by it. Its addresses
 * are not looked at: whoever brings the file must not choose where the doors call.
 */
export function readServiceAccount(text: string): ServiceAccount | null {
  try {
    const file = serviceAccountFile.parse(JSON.parse(text));
    const privateKey = createPrivateKey(file.private_key);
    const { modulusLength } = privateKey.asymmetricKeyDetails ?? {};
    if (privateKey.asymmetricKeyType !== 'rsa' || (modulusLength ?? 0) > MAX_KEY_BITS) return null;
    return {
      email: file.client_email,
      projectId: file.project_id,
      privateKey,
      secret: file.private_key,
      keyId: file.private_key_id,
    };
  } catch {
    // No JSON, no such file, no key: what exactly may quote the secret, so nobody is told.
    return null;
  }
}
