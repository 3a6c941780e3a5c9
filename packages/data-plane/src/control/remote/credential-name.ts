import { createHash, randomBytes } from 'node:crypto';

// Of this process: memory holds no credential, nor a digest that could be looked up elsewhere.
const salt = randomBytes(16);

/** The name under which a credential is remembered. */
export function credentialName(credential: string): string {
  return createHash('sha256').update(salt).update(credential).digest('base64');
}
