import { type IdempotencyScope, loggable } from '@karta/http';
import { completeKey } from '@karta/postgres';
import {
  type CreatedInvitation,
  type CreateInvitationBody,
  type Invitation,
  isoTime,
  KartaError,
  LIMITS,
  type OwnOrg,
  type Role,
} from '@karta/protocol';
import type { Logger } from 'pino';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor, Person } from '../http/actor.ts';
import type { Database, Tx } from '../sql/database.ts';
import { emitWebhook } from '../webhooks/emit-webhook.ts';
import {
  insertInvitation,
  invitationByToken,
  invitationLink,
  shownInvitation,
  statusOf,
} from './invitation-rows.ts';
import type { Mailer } from './mailer.ts';
import { requireRank } from './members.ts';
import { addMember, lockOrg } from './org-rows.ts';
import { shownOwn } from './orgs.ts';

/** Ways into an org: a link for one e-mail address, good once, for seven days. */
export interface Invitations {
  list(orgId: string): Promise<Invitation[]>;
  /** `KartaError`: `forbidden` (owners are invited by owners), `already_exists`, `rate_limited`. */
  create(
    actor: OrgActor,
    body: CreateInvitationBody,
    once: IdempotencyScope | null,
  ): Promise<CreatedInvitation>;
  /** Takes one back. `KartaError`: `not_found`, `invitation_void` when it is used or over. */
  revoke(actor: OrgActor, id: string): Promise<void>;
  /** What a link invites to. `KartaError`: `not_found`, `invitation_void`. */
  inspect(token: string): Promise<InspectedInvitation>;
  /** Makes the person a member. As `inspect`; `forbidden` when it is for another address, `org_suspended`. */
  accept(person: Pick<Person, 'id' | 'email'>, token: string): Promise<OwnOrg>;
}

export interface InspectedInvitation {
  org: { slug: string; name: string };
  email: string;
  role: Role;
  expires_at: string;
  by_operator: boolean;
}

export interface InvitationsDeps {
  database: Database;
  mailer: Mailer | null;
  publicUrl: string;
  log: Logger;
}

export function createInvitations(deps: InvitationsDeps): Invitations {
  const { database, mailer, publicUrl, log } = deps;

  /** Whether the mail server took it. If not, whoever invites hands the link over. */
  async function sent(by: Mailer, to: string, org: string, link: string): Promise<boolean> {
    try {
      await by.invite(to, org, link);
      return true;
    } catch (error) {
      log.warn(loggable(error), 'an invitation could not be sent by mail');
      return false;
    }
  }

  return {
    async list(orgId) {
      const rows = await database
        .selectFrom('invitations')
        .where('org_id', '=', orgId)
        .selectAll()
        .orderBy('created_at', 'desc')
        .limit(LIST_LIMIT)
        .execute();
      return rows.map(shownInvitation);
    },
    async create(actor, body, once) {
      const made = await database.transaction().execute(async (tx) => {
        const org = await lockOrg(tx, actor.orgId);
        await requireRank(tx, actor, [body.role]);
        await requireRoom(tx, actor.orgId, body.email);
        const inviter = { label: actor.label, byOperator: false };
        const { row, token } = await insertInvitation(tx, actor.orgId, body, inviter);
        if (once !== null) await completeKey(tx, once, row.id, 201);
        await emitWebhook(tx, {
          orgId: actor.orgId,
          type: 'member.invited',
          data: { invitation_id: row.id, role: row.role },
        });
        await recordAudit(tx, {
          actor,
          action: 'invitations.create',
          target: { kind: 'invitation', id: row.id },
          details: { email: row.email, role: row.role },
        });
        return { org, row, token };
      });
      const link = invitationLink(publicUrl, made.token);
      const emailed = mailer !== null && (await sent(mailer, made.row.email, made.org.name, link));
      return { ...shownInvitation(made.row), emailed, link: emailed ? null : link };
    },
    revoke: (actor, id) =>
      database.transaction().execute(async (tx) => {
        await lockOrg(tx, actor.orgId);
        const row = await tx
          .selectFrom('invitations')
          .where('org_id', '=', actor.orgId)
          .where('id', '=', id)
          .selectAll()
          .executeTakeFirst();
        if (!row) throw new KartaError('not_found');
        if (statusOf(row) !== 'pending') throw new KartaError('invitation_void');
        await tx
          .updateTable('invitations')
          .set({ revoked_at: new Date() })
          .where('id', '=', row.id)
          .execute();
        await recordAudit(tx, {
          actor,
          action: 'invitations.revoke',
          target: { kind: 'invitation', id: row.id },
          details: { email: row.email },
        });
      }),
    async inspect(token) {
      const row = await invitationByToken(database, token);
      return {
        org: { slug: row.slug, name: row.name },
        email: row.email,
        role: row.role,
        expires_at: isoTime(row.expires_at),
        by_operator: row.by_operator,
      };
    },
    accept: (person, token) =>
      database.transaction().execute(async (tx) => {
        const { id, org_id: orgId, email } = await invitationByToken(tx, token);
        if (email !== person.email.toLowerCase()) {
          throw new KartaError('forbidden', `The invitation is for ${email}. Sign in as that.`);
        }
        const org = await lockOrg(tx, orgId);
        if (org.suspended_at) throw new KartaError('org_suspended');
        // Under the lock: whoever came first may have used it, or taken it back.
        const used = await tx
          .updateTable('invitations')
          .set({ accepted_at: new Date(), accepted_by: person.id })
          .where('id', '=', id)
          .where('accepted_at', 'is', null)
          .where('revoked_at', 'is', null)
          .where('expires_at', '>', new Date())
          .returning('role')
          .executeTakeFirst();
        if (!used) throw new KartaError('invitation_void');
        const { role } = await addMember(tx, orgId, person.id, used.role);
        await emitWebhook(tx, {
          orgId,
          type: 'member.joined',
          data: { person_id: person.id, role },
        });
        await recordAudit(tx, {
          actor: { kind: 'person', id: person.id, orgId, label: person.email },
          action: 'invitations.accept',
          target: { kind: 'invitation', id },
          details: { role },
        });
        return shownOwn(org, role);
      }),
  };
}

const LIST_LIMIT = 1000;

async function requireRoom(tx: Tx, orgId: string, email: string): Promise<void> {
  const { pending } = await tx
    .selectFrom('invitations')
    .where('org_id', '=', orgId)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', new Date())
    .select((eb) => eb.fn.countAll<string>().as('pending'))
    .executeTakeFirstOrThrow();
  if (Number(pending) >= LIMITS.pendingInvitations) {
    throw new KartaError('rate_limited', `${LIMITS.pendingInvitations} invitations wait already.`);
  }
  const member = await tx
    .selectFrom('memberships')
    .innerJoin('people', 'people.id', 'memberships.person_id')
    .where('org_id', '=', orgId)
    .where('email', '=', email)
    .select('person_id')
    .executeTakeFirst();
  if (member) throw new KartaError('already_exists', `${email} is a member already.`);
}
