import { z } from 'zod';
import { apiScope } from '../internal/planes.ts';
import { cleanText } from '../text.ts';

/** `test` keys run on the demo model, are never billed, and see only what test keys made. */
export const keyMode = z.enum(['live', 'test']);
export type KeyMode = z.infer<typeof keyMode>;

/** An API key as everybody but its creator sees it: without its secret. */
export const apiKey = z.strictObject({
  id: z.string(),
  name: z.string(),
  /** The first 16 characters, to tell keys apart. */
  prefix: z.string(),
  mode: keyMode,
  scopes: z.array(apiScope),
  /** An e-mail address or the id of another key. */
  created_by: z.string(),
  created_at: z.string(),
  /** Within a minute; `null` when it was never used. */
  last_used_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
});
export type ApiKeyView = z.infer<typeof apiKey>;

/** `POST /v1/keys` */
export const createApiKeyBody = z.strictObject({
  name: cleanText.min(1).max(100),
  mode: keyMode.default('live'),
  /** A higher scope includes the lower ones: `read` < `write` < `admin`. */
  scopes: z.array(apiScope).min(1).max(3).default(['write']),
});
export type CreateApiKeyBody = z.input<typeof createApiKeyBody>;

/** The one answer that holds the key itself. */
export const createdApiKey = z.strictObject({ ...apiKey.shape, api_key: z.string() });
export type CreatedApiKey = z.infer<typeof createdApiKey>;

/** `GET /v1/keys`, newest first. */
export const apiKeyList = z.strictObject({
  keys: z.array(apiKey),
  next_cursor: z.string().nullable(),
});
