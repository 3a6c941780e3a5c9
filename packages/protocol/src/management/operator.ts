import { z } from 'zod';
import { cleanText } from '../text.ts';
import { createdInvitation, createOrgBody, org } from './identity.ts';

/** The operator's admin plane, on a port of its own. Nothing of it is on the public surface. */

const time = z.iso.datetime({ offset: true });

/** `POST /v1/enroll`: somebody with a one-time link becomes an operator. */
export const enrollBody = z.strictObject({
  token: z.string().min(1).max(200),
  email: z.email().max(254).toLowerCase(),
  name: cleanText.trim().min(1).max(100),
  password: z.string().min(10).max(128),
});

export const operator = z.object({
  id: z.string(),
  email: z.string(),
  name: z.string(),
  two_factor_enabled: z.boolean(),
  created_at: time,
});
export type OperatorView = z.infer<typeof operator>;

/** `GET /v1/operators` */
export const operatorList = z.object({
  operators: z.array(operator),
  next_cursor: z.string().nullable(),
});

/** `POST /v1/operators/links`: shown once. */
export const operatorLink = z.object({ link: z.string(), expires_at: time });

/** An org as the operator sees it: who it is, never what is in it. */
export const operatedOrg = org.extend({
  suspended_at: time.nullable(),
  members: z.int().nonnegative(),
});
export type OperatedOrg = z.infer<typeof operatedOrg>;

/** `GET /v1/orgs`, by slug. */
export const operatedOrgList = z.object({
  orgs: z.array(operatedOrg),
  next_cursor: z.string().nullable(),
});

export const operatedOrgQuery = z.object({
  /** Part of a slug or name. */
  search: z.string().max(100).optional(),
  suspended: z.stringbool().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(100).optional(),
});

/** `POST /v1/orgs`: an org and its first owner, who may sign up with the link. */
export const operatorCreateOrgBody = createOrgBody.extend({
  owner_email: z.email().max(254).toLowerCase(),
});
export const operatorCreatedOrg = z.object({ org: operatedOrg, invitation: createdInvitation });

/** `POST /v1/orgs/{org_id}/suspend` */
export const suspendOrgBody = z.strictObject({
  /** For the audit log, which the org can read. */
  reason: cleanText.trim().min(1).max(500),
});

/** `POST /v1/token_keys/rotate` */
export const rotateTokenKeysBody = z.strictObject({
  /** Whether what the former keys have signed counts no more from now on. */
  compromised: z.boolean().default(false),
});
export const rotatedTokenKeys = z.object({ kid: z.string() });

/** `POST /v1/people/password_resets` */
export const passwordResetBody = z.strictObject({ email: z.email().max(254).toLowerCase() });
export const passwordResetLink = z.object({ link: z.string(), expires_at: time });

export const abuseQuery = z.object({
  /** Up to now. */
  days: z.coerce.number().int().min(1).max(30).default(7),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

const orgName = { org_id: z.string(), slug: z.string(), suspended: z.boolean() };

/** `GET /v1/abuse`: whom to look at. Counts only. */
export const abuseReport = z.object({
  from: time,
  /** Orgs by tokens of all model calls. */
  top_spenders: z.array(
    z.object({ ...orgName, calls: z.int(), input_tokens: z.int(), output_tokens: z.int() }),
  ),
  /** Orgs by failed turns. */
  error_rates: z.array(z.object({ ...orgName, turns: z.int(), failed: z.int(), rate: z.number() })),
  /** Orgs by turns that were stopped because a sandbox did what none may. */
  violations: z.array(z.object({ ...orgName, turns: z.int() })),
});
export type AbuseReport = z.infer<typeof abuseReport>;
