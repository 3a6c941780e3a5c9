import { hkdfSync } from 'node:crypto';
import { type PlanePrivateKey, planePrivateKey } from '@karta/service/plane-auth';
import { decrypt, encrypt, KEY_BYTES } from '../sealing/aes-gcm.ts';
import type { Database } from '../sql/database.ts';

/** What this control plane signs its requests to the data planes with. */
export interface SigningKey {
  current(): PlanePrivateKey;
  /** Reads again which key that is. */
  reload(): Promise<void>;
  /** A key's private half as the database keeps it. */
  seal(key: PlanePrivateKey): string;
}

/** The configured key, or the one that has taken its place. */
export async function openSigningKey(
  database: Database,
  configured: PlanePrivateKey,
  pepper: Buffer,
): Promise<SigningKey> {
  const sealing = Buffer.from(hkdfSync('sha256', pepper, '', 'karta plane keys', KEY_BYTES));
  const contextOf = (kid: string) => ['plane key', kid];
  let current = configured;

  async function reload(): Promise<void> {
    const row = await database
      .selectFrom('plane_keys')
      .select(['kid', 'private_sealed'])
      .where('configured_kid', '=', configured.kid)
      .where('kind', '=', 'control')
      .where('active_at', 'is not', null)
      .orderBy('active_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (row === undefined || row.kid === current.kid) return;
    if (row.private_sealed === null)
      throw new Error(`the plane key ${row.kid} has no private half`);
    const text = decrypt(sealing, row.private_sealed, contextOf(row.kid)).toString();
    current = planePrivateKey.parse(JSON.parse(text));
  }

  await reload();
  return {
    current: () => current,
    reload,
    seal: (key) => encrypt(sealing, Buffer.from(JSON.stringify(key)), contextOf(key.kid)),
  };
}
