import type { enrollBody } from '@karta/protocol';
import { isoTime, KartaError, newId, type OperatorView } from '@karta/protocol';
import type { z } from 'zod';
import { PLATFORM_ORG, recordAudit } from '../audit/record.ts';
import type { Operator } from '../http/actor.ts';
import { linkTokenHash, newLinkToken } from '../identity/link-token.ts';
import type { Login } from '../identity/login.ts';
import type { Database, Tx } from '../sql/database.ts';

/** How long a one-time link works, in ms. */
const LINK_MS = 24 * 60 * 60 * 1000;

/** Who runs the server. Somebody becomes one by a one-time link, good for a day. */
export interface Operators {
  list(): Promise<OperatorView[]>;
  /** The first link: when there is no operator. It replaces any that was not used. */
  firstLink(): Promise<OneTimeLink | null>;
  /** A link for a further operator. */
  link(by: Operator): Promise<OneTimeLink>;
  /** Uses a link. `KartaError`: `not_found`, `invitation_void`, `already_exists`. */
  enroll(body: z.output<typeof enrollBody>): Promise<OperatorView>;
  /** `KartaError`: `not_found`, `last_owner` for the last one. */
  remove(by: Operator, id: string): Promise<void>;
}

export interface OneTimeLink {
  token: string;
  expiresAt: Date;
}

/** `enrolled` hears of each new operator: the file with the first link goes then. */
export function createOperators(
  database: Database,
  login: Login,
  enrolled: () => Promise<void>,
): Operators {
  async function makeLink(tx: Tx, madeBy: string | null): Promise<OneTimeLink> {
    const token = newLinkToken();
    const now = new Date();
    const expiresAt = new Date(now.getTime() + LINK_MS);
    await tx
      .insertInto('operator_links')
      .values({
        id: crypto.randomUUID(),
        token_hash: linkTokenHash(token),
        made_by: madeBy,
        created_at: now,
        expires_at: expiresAt,
      })
      .execute();
    return { token, expiresAt };
  }

  return {
    async list() {
      const rows = await database
        .selectFrom('operators')
        .select(['id', 'email', 'name', 'two_factor_enabled', 'created_at'])
        .orderBy('created_at')
        .execute();
      return rows.map(shown);
    },
    firstLink: () =>
      database.transaction().execute(async (tx) => {
        const known = await tx.selectFrom('operators').select('id').limit(1).execute();
        if (known.length > 0) return null;
        await tx.deleteFrom('operator_links').where('used_at', 'is', null).execute();
        return makeLink(tx, null);
      }),
    link: (by) =>
      database.transaction().execute(async (tx) => {
        const made = await makeLink(tx, by.id);
        await recordAudit(tx, {
          actor: platformActor(by),
          action: 'operators.invite',
          target: { kind: 'server', id: PLATFORM_ORG },
        });
        return made;
      }),
    async enroll({ token, email, name, password }) {
      const { password: hasher } = await login.$context;
      await requireGood(database, token);
      const hash = await hasher.hash(password);
      const made = await database.transaction().execute(async (tx) => {
        const now = new Date();
        // Of several with the same link one finds it unused.
        const used = await tx
          .updateTable('operator_links')
          .set({ used_at: now })
          .where('token_hash', '=', linkTokenHash(token))
          .where('used_at', 'is', null)
          .where('expires_at', '>', now)
          .returning('id')
          .executeTakeFirst();
        if (!used) throw new KartaError('invitation_void');
        const made = await tx
          .insertInto('operators')
          .values({ id: newId('operator'), name, email, email_verified: true })
          .onConflict((conflict) => conflict.column('email').doNothing())
          .returning(['id', 'email', 'name', 'two_factor_enabled', 'created_at'])
          .executeTakeFirst();
        if (!made) throw new KartaError('already_exists', `${email} is an operator already.`);
        await tx
          .insertInto('operator_accounts')
          .values({
            id: crypto.randomUUID(),
            operator_id: made.id,
            account_id: made.id,
            provider_id: 'credential',
            password: hash,
            updated_at: now,
          })
          .execute();
        await recordAudit(tx, {
          actor: platformActor(made),
          action: 'operators.enroll',
          target: { kind: 'operator', id: made.id },
          details: { email },
        });
        return shown(made);
      });
      await enrolled();
      return made;
    },
    remove: (by, id) =>
      database.transaction().execute(async (tx) => {
        // One after the other, so that two cannot remove each other.
        const all = await tx.selectFrom('operators').select(['id', 'email']).forUpdate().execute();
        const gone = all.find((one) => one.id === id);
        if (!gone) throw new KartaError('not_found');
        if (all.length === 1) throw new KartaError('last_owner', 'The server needs an operator.');
        await tx.deleteFrom('operators').where('id', '=', id).execute();
        await recordAudit(tx, {
          actor: platformActor(by),
          action: 'operators.remove',
          target: { kind: 'operator', id },
          details: { email: gone.email },
        });
      }),
  };
}

/** Told before the password is hashed, which costs time. */
async function requireGood(database: Database, token: string): Promise<void> {
  const link = await database
    .selectFrom('operator_links')
    .where('token_hash', '=', linkTokenHash(token))
    .select(['used_at', 'expires_at'])
    .executeTakeFirst();
  if (!link) throw new KartaError('not_found', 'There is no such link.');
  if (link.used_at || link.expires_at <= new Date()) throw new KartaError('invitation_void');
}

/** An operator in the server's own log. */
export function platformActor({ id, email }: { id: string; email: string }) {
  return { kind: 'operator', id, orgId: PLATFORM_ORG, label: email } as const;
}

function shown(row: {
  id: string;
  email: string;
  name: string;
  two_factor_enabled: boolean | null;
  created_at: Date;
}): OperatorView {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    two_factor_enabled: row.two_factor_enabled === true,
    created_at: isoTime(row.created_at),
  };
}
