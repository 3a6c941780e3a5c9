import { z } from 'zod';
import { LIMITS } from '../limits.ts';

/** What somebody of the org's own people does with its sessions: `write` includes `read`. */
export const staffScope = z.enum(['read', 'write']);
export type StaffScope = z.infer<typeof staffScope>;

/** `POST /v1/staff_tokens`: for signed-in people, by their role in the org. */
export const mintStaffTokenBody = z.strictObject({
  scope: staffScope.default('read'),
  /** Only this session. */
  session_id: z.string().max(64).optional(),
  /** `test`: the sessions that test keys made, in place of the live ones. */
  mode: z.enum(['live', 'test']).default('live'),
});
export type MintStaffTokenBody = z.input<typeof mintStaffTokenBody>;

export const mintedStaffToken = z.strictObject({
  /** A JWT, to be sent to the data plane as `Authorization: Bearer`. */
  token: z.string(),
  /** Its `jti`, which stands in the audit log. */
  id: z.string(),
  expires_at: z.string(),
  scope: staffScope,
  session_id: z.string().nullable(),
});
export type MintedStaffToken = z.infer<typeof mintedStaffToken>;

/** The claims of a staff token, beside `iss` and `aud`, which are those of session tokens. */
export const staffTokenClaims = z.object({
  org_id: z.string(),
  /** The person. */
  sub: z.string(),
  scope: staffScope,
  mode: z.enum(['live', 'test']),
  session_id: z.string().optional(),
  iat: z.int(),
  exp: z.int(),
  jti: z.string(),
});
export type StaffTokenClaims = z.infer<typeof staffTokenClaims>;

/** `typ` of a staff token's header. */
export const STAFF_TOKEN_TYPE = 'karta-staff+jwt';
/** Life of a staff token, in seconds. */
export const STAFF_TOKEN_SECONDS = LIMITS.staffTokenMs / 1000;

/** The name under which the staff tokens of a person in an org are refused all at once. */
export function staffDenialId(orgId: string, personId: string): string {
  return `${orgId}/${personId}`;
}

/** `GET /v1/data_plane`: where sessions are. */
export const dataPlaneAddress = z.strictObject({
  /** `null` while no data plane has told where clients reach it. */
  url: z.url().nullable(),
});
export type DataPlaneAddress = z.infer<typeof dataPlaneAddress>;
