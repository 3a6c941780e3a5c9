import { z } from 'zod';
import { cleanText } from '../text.ts';

/** People, orgs, members and invitations, as the control plane's public routes show them. */

/** Roles of an org's members, the most powerful first. */
export const ROLES = ['owner', 'admin', 'developer', 'billing', 'viewer'] as const;
export const role = z.enum(ROLES);
export type Role = z.infer<typeof role>;

const time = z.iso.datetime({ offset: true });

/**
 * Names an org in hosts and headers, and never changes. No two hyphens side by side: in a host they
 * tell a preview from a project.
 */
export const orgSlug = z
  .string()
  .max(40, 'must have at most 40 characters')
  .regex(
    /^[a-z0-9]+(-[a-z0-9]+)*$/,
    'must be 1 to 40 lowercase letters and digits with single inner hyphens',
  );

const orgName = cleanText.trim().min(1).max(100);
const email = z.email().max(254).toLowerCase();

export const org = z.object({
  id: z.string(),
  slug: z.string(),
  name: z.string(),
  /** The project that flat sessions belong to. */
  default_project_id: z.string().nullable(),
  created_at: time,
});
export type Org = z.infer<typeof org>;

/** An org that a person belongs to, and as what. */
export const ownOrg = org.extend({
  role,
  /** Set while the operator has suspended it: everything in it is refused. */
  suspended_at: time.nullable(),
});
export type OwnOrg = z.infer<typeof ownOrg>;

/** `GET /v1/orgs` */
export const orgList = z.object({
  orgs: z.array(ownOrg),
  next_cursor: z.string().nullable(),
});

/** `GET /v1/me` */
export const me = z.object({
  id: z.string(),
  email: z.string(),
  name: z.string(),
  email_verified: z.boolean(),
  two_factor_enabled: z.boolean(),
  orgs: z.array(ownOrg),
});
export type Me = z.infer<typeof me>;

/** `POST /v1/orgs` */
export const createOrgBody = z.strictObject({ slug: orgSlug, name: orgName });
export type CreateOrgBody = z.infer<typeof createOrgBody>;

/** `PATCH /v1/org` */
export const patchOrgBody = z.strictObject({ name: orgName });
export type PatchOrgBody = z.infer<typeof patchOrgBody>;

/** `DELETE /v1/org`: the slug, typed again, so that nothing is deleted by mistake. */
export const deleteOrgBody = z.strictObject({ confirm: z.string() });

export const member = z.object({
  person_id: z.string(),
  email: z.string(),
  name: z.string(),
  role,
  created_at: time,
});
export type Member = z.infer<typeof member>;

/** `GET /v1/members` */
export const memberList = z.object({
  members: z.array(member),
  next_cursor: z.string().nullable(),
});

/** `PATCH /v1/members/{person_id}` */
export const patchMemberBody = z.strictObject({ role });

export const invitation = z.object({
  id: z.string(),
  email: z.string(),
  role,
  status: z.enum(['pending', 'accepted', 'revoked', 'expired']),
  /** Who invited: an e-mail address, or `operator`. */
  invited_by: z.string(),
  created_at: time,
  expires_at: time,
});
export type Invitation = z.infer<typeof invitation>;

/** `GET /v1/invitations` */
export const invitationList = z.object({
  invitations: z.array(invitation),
  next_cursor: z.string().nullable(),
});

/** `POST /v1/invitations` */
export const createInvitationBody = z.strictObject({ email, role });
export type CreateInvitationBody = z.infer<typeof createInvitationBody>;

/** Its answer, the only one that shows the link. */
export const createdInvitation = invitation.extend({
  /** Whether the link was sent by e-mail. Otherwise it is here, to be handed over. */
  emailed: z.boolean(),
  link: z.string().nullable(),
});
export type CreatedInvitation = z.infer<typeof createdInvitation>;

const invitationToken = z.string().min(1).max(200);

/** `POST /v1/invitations/accept`: what follows `#token=` in the link. */
export const acceptInvitationBody = z.strictObject({ token: invitationToken });

/** `POST /v1/invitations/inspect`, without signing in: what a link invites to. */
export const inspectInvitationBody = acceptInvitationBody;
export const inspectedInvitation = z.object({
  org: z.object({ slug: z.string(), name: z.string() }),
  email: z.string(),
  role,
  expires_at: time,
});
