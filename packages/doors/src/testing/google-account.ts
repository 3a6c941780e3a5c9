import { generateKeyPairSync } from 'node:crypto';

/** A service account of tests, with what its file says and what proves its signatures. */
export interface TestServiceAccount {
  /** The JSON file. */
  file: string;
  email: string;
  projectId: string;
  publicKey: string;
}

export function newServiceAccount(
  projectId = 'test-project',
  more: Record<string, unknown> = {},
): TestServiceAccount {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const email = `karta@${projectId}.iam.gserviceaccount.com`;
  const file = JSON.stringify({
    type: 'service_account',
    project_id: projectId,
    private_key_id: '0123456789abcdef0123456789abcdef01234567',
    private_key: privateKey,
    client_email: email,
    client_id: '1',
    token_uri: 'https://oauth2.googleapis.com/token',
    universe_domain: 'googleapis.com',
    ...more,
  });
  return { file, email, projectId, publicKey };
}
