import { z } from 'zod';
import { cleanText } from '../text.ts';
import { embedKeyBudget } from './budgets.ts';
import { keyMode } from './keys.ts';
import { mintedSessionToken, tokenScope } from './session-tokens.ts';
import { webOrigin } from './web-origin.ts';

/** An embed key: public, stands in a web page, and mints session tokens for its visitors. */
export const embedKey = z.strictObject({
  id: z.string(),
  /** `pk_live_…` (or `pk_test_…`): no secret. */
  embed_key: z.string(),
  name: z.string(),
  mode: keyMode,
  allowed_origins: z.array(z.string()),
  /** What its tokens may do. */
  scopes: z.array(tokenScope),
  /** Whether a visitor must come with a token signed by the builder's own backend. */
  verified_only: z.boolean(),
  created_by: z.string(),
  created_at: z.string(),
  revoked_at: z.string().nullable(),
});
export type EmbedKeyView = z.infer<typeof embedKey>;

/** `POST /v1/projects/{ref}/embed_keys` */
export const createEmbedKeyBody = z.strictObject({
  name: cleanText.min(1).max(100),
  mode: keyMode.default('live'),
  allowed_origins: z.array(webOrigin).min(1).max(20),
  scopes: z.array(tokenScope).min(1).max(4).default(['chat']),
  verified_only: z.boolean().default(false),
  /** A cap on what all its visitors spend together: a budget, removed with `/v1/budgets`. */
  budget: embedKeyBudget.optional(),
});
export type CreateEmbedKeyBody = z.input<typeof createEmbedKeyBody>;

/**
 * The one answer with `visitor_secret`: the builder's backend signs `{sub, exp}` with it (JWT,
 * HS256, at most 5 minutes) to tell who a visitor is.
 */
export const createdEmbedKey = z.strictObject({ ...embedKey.shape, visitor_secret: z.string() });
export type CreatedEmbedKey = z.infer<typeof createdEmbedKey>;

/** `GET /v1/projects/{ref}/embed_keys`, newest first. */
export const embedKeyList = z.strictObject({
  embed_keys: z.array(embedKey),
  next_cursor: z.string().nullable(),
});

/** `POST /v1/embed/session_tokens`, from a web page of one of the key's origins. */
export const embedMintBody = z.strictObject({
  embed_key: z.string().max(64),
  /** What an earlier answer gave as `visitor`, or a token signed with the visitor secret. */
  visitor: z.string().max(2048).optional(),
});

export const embedMintAnswer = z.strictObject({
  ...mintedSessionToken.shape,
  sub: z.string(),
  project_ref: z.string(),
  /** To be kept by the page: brings an anonymous visitor back to its own sessions. */
  visitor: z.string().nullable(),
});
export type EmbedMintAnswer = z.infer<typeof embedMintAnswer>;
