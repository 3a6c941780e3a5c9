import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { metadataInput } from '../metadata.ts';
import { cleanText } from '../text.ts';

/**
 * What a session token lets a browser do: `chat` creates, sends, reads and cancels its own
 * sessions; `approve` answers inputs; `agent` chooses the agent; `files` reads and writes files.
 */
export const tokenScope = z.enum(['chat', 'approve', 'agent', 'files']);
export type TokenScope = z.infer<typeof tokenScope>;

/** The builder's own name for one of its end users. */
export const endUser = cleanText.min(1).max(LIMITS.participantIdCodePoints);

/** `POST /v1/projects/{ref}/session_tokens` */
export const mintSessionTokenBody = z.strictObject({
  scopes: z.array(tokenScope).min(1).max(4).default(['chat']),
  /** The end user. Without one the token sees only the sessions that were created with it. */
  sub: endUser.optional(),
  /** Only this session. */
  session_id: z.string().max(64).optional(),
  /** Set on each session that the token creates; the browser cannot change these keys. */
  metadata: metadataInput.optional(),
  /** Seconds. */
  expires_in: z
    .int()
    .min(30)
    .max(LIMITS.sessionTokenMs / 1000)
    .default(LIMITS.sessionTokenMs / 1000),
});
export type MintSessionTokenBody = z.input<typeof mintSessionTokenBody>;

export const mintedSessionToken = z.strictObject({
  /** A JWT, to be sent as `Authorization: Bearer`. */
  token: z.string(),
  /** Its `jti`, by which it is revoked. */
  id: z.string(),
  expires_at: z.string(),
  scopes: z.array(tokenScope),
  sub: z.string().nullable(),
  session_id: z.string().nullable(),
});
export type MintedSessionToken = z.infer<typeof mintedSessionToken>;

/** The claims of a session token, beside `iss`, `aud`, `iat`, `exp`, `jti` and `sub`. */
export const sessionTokenClaims = z.object({
  org_id: z.string(),
  project_id: z.string(),
  project_slug: z.string(),
  /** Scopes, by spaces. */
  scope: z.string(),
  session_id: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  /** The credential that minted it: revoking that revokes the token. */
  minted_by: z.string(),
  mode: z.enum(['live', 'test']),
  /** Origins that a browser may call from, of a token minted through an embed key. */
  origins: z.array(z.string()).optional(),
  sub: endUser.optional(),
  iat: z.int(),
  exp: z.int(),
  jti: z.string(),
});
export type SessionTokenClaims = z.infer<typeof sessionTokenClaims>;

/** `typ` of a session token's header. */
export const SESSION_TOKEN_TYPE = 'karta-session+jwt';
/** Who mints session tokens (`iss`), and whom they are for (`aud`). */
export const SESSION_TOKEN_ISSUER = 'karta-control';
export const SESSION_TOKEN_AUDIENCE = 'karta-data';
