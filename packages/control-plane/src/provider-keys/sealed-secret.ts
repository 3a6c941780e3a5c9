import { randomBytes } from 'node:crypto';
import { decrypt, encrypt, KEY_BYTES } from '../sealing/aes-gcm.ts';
import type { KmsPort } from './kms.ts';
import type { ProviderKeyRow } from './tables.ts';

/** The parts of a provider's key, by name. */
export type SecretParts = Readonly<Record<string, string>>;
/** Whose secret it is: in another row it cannot be opened. */
export type SecretOwner = Pick<ProviderKeyRow, 'id' | 'org_id' | 'provider'>;
export type SealedSecret = Pick<ProviderKeyRow, 'sealed' | 'wrapped_key' | 'kek_id'>;

/** Seals a secret under a fresh data key, which is wrapped. */
export async function sealSecret(
  kms: KmsPort,
  owner: SecretOwner,
  secret: SecretParts,
): Promise<SealedSecret> {
  const dataKey = randomBytes(KEY_BYTES);
  const { kekId, wrapped } = await kms.wrap(dataKey, contextOf(owner));
  const sealed = encrypt(dataKey, Buffer.from(JSON.stringify(secret)), contextOf(owner));
  return { sealed, wrapped_key: wrapped, kek_id: kekId };
}

/** Opens a secret. Throws an `Error` for one that is destroyed, changed or somebody else's. */
export async function openSecret(
  kms: KmsPort,
  row: SecretOwner & SealedSecret,
): Promise<SecretParts> {
  const { sealed, wrapped_key: wrapped, kek_id: kekId } = row;
  if (sealed === null || wrapped === null || kekId === null) {
    throw new Error(`the provider key ${row.id} is destroyed`);
  }
  const dataKey = await kms.unwrap({ kekId, wrapped }, contextOf(row));
  return JSON.parse(decrypt(dataKey, sealed, contextOf(row)).toString('utf8'));
}

/** The same data key under the key-encryption key of now; the secret itself is not opened. */
export async function wrapAnew(
  kms: KmsPort,
  owner: SecretOwner,
  old: { wrapped_key: string; kek_id: string },
): Promise<{ wrapped_key: string; kek_id: string }> {
  const before = { kekId: old.kek_id, wrapped: old.wrapped_key };
  const dataKey = await kms.unwrap(before, contextOf(owner));
  const { kekId, wrapped } = await kms.wrap(dataKey, contextOf(owner));
  return { wrapped_key: wrapped, kek_id: kekId };
}

function contextOf({ id, org_id: orgId, provider }: SecretOwner): readonly string[] {
  return ['provider key', orgId, provider, id];
}
