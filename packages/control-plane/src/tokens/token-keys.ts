import { LIMITS } from '@karta/protocol';
import { newPlaneKey, planePrivateKey } from '@karta/service/plane-auth';
import { type CryptoKey, importJWK } from 'jose';
import { sql } from 'kysely';
import { type AuditActor, recordAudit } from '../audit/record.ts';
import type { TokenKeyRow } from '../keys/tables.ts';
import type { Database, Tx } from '../sql/database.ts';
import { nextRevision } from '../sync/catalog-version.ts';
import type { KeySeal } from './sealed-key.ts';

/** How long a fresh key is told to everybody before it signs: nodes hear of it within a second. */
const ANNOUNCE_MS = 30_000;
/** How long a key is told to everybody after its last signature: what it signed has expired then. */
const OVERLAP_MS = LIMITS.sessionTokenMs + LIMITS.streamGraceMs;
/** How long a process signs with what it knows before it looks again: well within ANNOUNCE_MS. */
const RELOAD_MS = 10_000;

/** A public key as JWK Sets have it. */
export type PublicJwk = Record<string, unknown>;

export interface SigningKey {
  kid: string;
  key: CryptoKey;
}

/** The keys that sign session tokens. */
export interface TokenKeys {
  /** The key to sign with now. The first one is made at first use. */
  signing(): Promise<SigningKey>;
  /** Every key whose signatures count, as a JWK Set. */
  publicSet(): Promise<{ keys: PublicJwk[] }>;
  /**
   * Makes a fresh key. It signs once every node has heard of it; what the one before has signed
   * stays good until it expires. `compromised`: the former keys count no more from now on.
   */
  rotate(actor: AuditActor, options?: { compromised?: boolean }): Promise<{ kid: string }>;
}

export interface TokenKeysParts {
  database: Database;
  seal: KeySeal;
  /** Resolves when the nodes have heard that something changed, or after a moment. */
  changed(): Promise<void>;
}

export function createTokenKeys({ database, seal, changed }: TokenKeysParts): TokenKeys {
  let known: Promise<SigningKey> | null = null;
  let knownUntil = 0;

  async function insert(tx: Tx, signsFrom: Date): Promise<string> {
    const made = newPlaneKey();
    const { kty, crv, x, kid } = made;
    await tx
      .insertInto('token_keys')
      .values({
        kid,
        public_jwk: JSON.stringify({ kty, crv, x, kid, alg: 'EdDSA', use: 'sig' }),
        private_sealed: seal.seal(kid, JSON.stringify(made)),
        created_at: new Date(),
        signs_from: signsFrom,
      })
      .execute();
    return kid;
  }

  /** The newest key whose time has come, or a first one. */
  async function current(): Promise<TokenKeyRow> {
    const found = await signingRow(database);
    if (found !== undefined) return found;
    await database.transaction().execute(async (tx) => {
      // Locks the catalog's row: of two that find none, one makes it.
      await nextRevision(tx);
      if ((await signingRow(tx)) === undefined) await insert(tx, new Date());
    });
    await changed();
    const made = await signingRow(database);
    if (made === undefined) throw new Error('the token key that was made is not there');
    return made;
  }

  async function load(): Promise<SigningKey> {
    const row = await current();
    const jwk = planePrivateKey.parse(JSON.parse(seal.open(row.kid, row.private_sealed)));
    // A JWK of this kind is always a key pair's half, never bytes.
    return { kid: row.kid, key: (await importJWK({ ...jwk }, 'EdDSA')) as CryptoKey };
  }

  return {
    signing() {
      if (known === null || Date.now() > knownUntil) {
        known = load();
        knownUntil = Date.now() + RELOAD_MS;
        known.catch(() => {
          known = null;
        });
      }
      return known;
    },
    async publicSet() {
      // The first key is made before anybody is told that there is none.
      await current();
      const rows = await database
        .selectFrom('token_keys')
        .select('public_jwk')
        .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', new Date())]))
        .orderBy('created_at')
        .execute();
      return { keys: rows.map((row) => row.public_jwk) };
    },
    async rotate(actor, { compromised = false } = {}) {
      const kid = await database.transaction().execute(async (tx) => {
        await nextRevision(tx);
        const now = Date.now();
        const signsFrom = new Date(compromised ? now : now + ANNOUNCE_MS);
        const expires = new Date(compromised ? now : signsFrom.getTime() + OVERLAP_MS);
        await tx
          .updateTable('token_keys')
          .set({ expires_at: sql<Date>`least(coalesce(expires_at, ${expires}), ${expires})` })
          .execute();
        await tx
          .deleteFrom('token_keys')
          .where('expires_at', '<', new Date(now - OVERLAP_MS))
          .execute();
        const made = await insert(tx, signsFrom);
        await recordAudit(tx, {
          actor,
          action: 'token_keys.rotate',
          target: { kind: 'token_key', id: made },
          details: { compromised },
        });
        return made;
      });
      known = null;
      await changed();
      return { kid };
    },
  };
}

function signingRow(from: Database | Tx): Promise<TokenKeyRow | undefined> {
  const now = new Date();
  return from
    .selectFrom('token_keys')
    .selectAll()
    .where('signs_from', '<=', now)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .orderBy('signs_from', 'desc')
    .orderBy('kid')
    .limit(1)
    .executeTakeFirst();
}
