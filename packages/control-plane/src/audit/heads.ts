import { AUDIT_GENESIS, type AuditHead, type AuditKeys, isoTime } from '@karta/protocol';
import type { Database } from '../sql/database.ts';
import type { AuditSigner } from './signer.ts';
import type { SignedHeadRow } from './tables.ts';

/** Orgs whose heads are signed in one go. */
const BATCH = 500;

/** Signed heads: what an org keeps elsewhere to find out later whether its log was rewritten. */
export interface AuditHeads {
  /** Makes the public key known. Before anything is signed. */
  publishKey(): Promise<void>;
  keys(): Promise<AuditKeys>;
  /** The head of an org's chain now, signed. */
  current(orgId: string): Promise<AuditHead>;
  /** The signed heads of an org, the newest first, of events before `before`. */
  list(orgId: string, before: number | null, limit: number): Promise<AuditHead[]>;
  /** Signs every chain that has grown since its head was last signed. Returns how many. */
  signAll(): Promise<number>;
}

export function createAuditHeads(database: Database, signer: AuditSigner): AuditHeads {
  async function keep(heads: readonly AuditHead[]): Promise<void> {
    if (heads.length === 0) return;
    await database
      .insertInto('audit_signed_heads')
      .values(
        heads.map((head) => ({
          ...head,
          seq: String(head.seq),
          signed_at: new Date(head.signed_at),
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  const signed = (row: { org_id: string; seq: string; hash: string }): AuditHead =>
    signer.sign({
      org_id: row.org_id,
      seq: Number(row.seq),
      hash: row.hash,
      signed_at: isoTime(new Date()),
    });

  return {
    async publishKey() {
      await database
        .insertInto('audit_keys')
        .values({ key_id: signer.keyId, x: signer.x, created_at: new Date() })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },
    async keys() {
      const rows = await database
        .selectFrom('audit_keys')
        .selectAll()
        .orderBy('created_at', 'desc')
        .execute();
      return {
        keys: rows.map(({ key_id, x }) => ({ kty: 'OKP', crv: 'Ed25519', x, kid: key_id })),
      };
    },
    async current(orgId) {
      const row = await database
        .selectFrom('audit_heads')
        .where('org_id', '=', orgId)
        .selectAll()
        .executeTakeFirst();
      const head = signed(row ?? { org_id: orgId, seq: '0', hash: AUDIT_GENESIS });
      if (head.seq > 0) await keep([head]);
      return head;
    },
    async list(orgId, before, limit) {
      let query = database
        .selectFrom('audit_signed_heads')
        .where('org_id', '=', orgId)
        .selectAll()
        .orderBy('seq', 'desc')
        .limit(limit);
      if (before !== null) query = query.where('seq', '<', String(before));
      return (await query.execute()).map(shown);
    },
    async signAll() {
      let count = 0;
      for (;;) {
        const rows = await database
          .selectFrom('audit_heads as head')
          .leftJoin('audit_signed_heads as done', (join) =>
            join.onRef('done.org_id', '=', 'head.org_id').onRef('done.seq', '=', 'head.seq'),
          )
          .where('done.seq', 'is', null)
          .where('head.seq', '>', '0')
          .select(['head.org_id', 'head.seq', 'head.hash'])
          .limit(BATCH)
          .execute();
        await keep(rows.map(signed));
        count += rows.length;
        if (rows.length < BATCH) return count;
      }
    },
  };
}

function shown(row: SignedHeadRow): AuditHead {
  return { ...row, seq: Number(row.seq), signed_at: isoTime(row.signed_at) };
}
