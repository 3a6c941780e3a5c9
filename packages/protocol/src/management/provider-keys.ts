import { z } from 'zod';

/** Printable, as it goes into a header; a line break of a pasted key is no part of it. */
const printable = z
  .string()
  .trim()
  .min(8)
  .max(8_192)
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces');

/**
 * A region of AWS's commercial and US government parts. It becomes a part of a host's name, so it is
 * nothing else.
 */
export const awsRegion = z
  .string()
  .trim()
  .regex(/^(?!cn-)[a-z]{2}(-gov)?-[a-z]{2,16}-\d{1,2}$/, 'must be a region of AWS, as us-east-1');

/** `global`, one of the large parts of the world, or a region of Google's. Becomes a host's part too. */
export const vertexLocation = z
  .string()
  .trim()
  .regex(
    /^(global|us|eu|[a-z]{2,16}-[a-z]{4,16}\d{1,2})$/,
    'must be a location of Vertex, as global, eu or us-east5',
  );

const apiKey = z.strictObject({ api_key: printable });

/** The JSON file of a service account, with what signing in by it needs. */
const serviceAccount = z
  .string()
  .max(16_384)
  .refine(isServiceAccount, 'must be the JSON of a service account with its private_key');

/** The parts of a key, by provider. They are written once and never shown again. */
export const providerSecret = {
  anthropic: apiKey,
  openai: apiKey,
  openrouter: apiKey,
  'openai-compatible': apiKey,
  bedrock: z.strictObject({
    access_key_id: printable,
    secret_access_key: printable,
    session_token: printable.optional(),
    region: awsRegion,
  }),
  vertex: z.strictObject({ service_account: serviceAccount, location: vertexLocation }),
} as const;

/** Providers for which an org may have a key of its own. */
export const KEY_PROVIDERS = Object.keys(providerSecret) as KeyProvider[];
export type KeyProvider = keyof typeof providerSecret;
export const keyProvider = z.enum(KEY_PROVIDERS as [KeyProvider, ...KeyProvider[]]);

/** Whom a call is booked by: whoever answers it. */
export const callProvider = z.enum(['demo', ...KEY_PROVIDERS]);

const plain = <Provider extends KeyProvider>(provider: Provider) =>
  z.strictObject({ provider: z.literal(provider), secret: providerSecret[provider] });

/** Body of `POST /v1/provider_keys`: the active key of this provider from now on. */
export const setProviderKeyBody = z.discriminatedUnion('provider', [
  plain('anthropic'),
  plain('openai'),
  plain('openrouter'),
  z.strictObject({
    provider: z.literal('openai-compatible'),
    secret: apiKey,
    /** With its `/v1`, where it has one; on a public address. */
    base_url: z.url({ protocol: /^https?$/ }).max(2_048),
    /** Whether it has OpenAI's Responses beside Chat Completions. */
    responses: z.boolean().optional(),
  }),
  plain('bedrock'),
  plain('vertex'),
]);
export type SetProviderKeyBody = z.infer<typeof setProviderKeyBody>;

/** A key, without anything of its secret but the last four characters. */
export const providerKey = z.strictObject({
  /** `pkey_…` */
  id: z.string(),
  provider: keyProvider,
  last_four: z.string(),
  /** Of a compatible server. */
  base_url: z.string().nullable(),
  created_at: z.string(),
  /** An e-mail address or the id of an API key. */
  created_by: z.string(),
});
export type ProviderKey = z.infer<typeof providerKey>;

/** Answer of `GET /v1/provider_keys`: the active ones, in the order in which they are used. */
export const providerKeyList = z.strictObject({
  provider_keys: z.array(providerKey),
  /** Whether a call goes on with the platform's key where the org's own is refused. */
  platform_fallback: z.boolean(),
});
export type ProviderKeyList = z.infer<typeof providerKeyList>;

/** Body of `PATCH /v1/provider_keys` */
export const providerKeySettings = z.strictObject({ platform_fallback: z.boolean() });
export type ProviderKeySettings = z.infer<typeof providerKeySettings>;

/** Answer of `POST /v1/provider_keys/{provider_key_id}/test`: what the provider says to the key. */
export const providerKeyTest = z.strictObject({
  ok: z.boolean(),
  /** HTTP status of the provider's answer; `null` when none came. */
  status: z.int().nullable(),
  /** For people; nothing of the key. */
  message: z.string(),
});
export type ProviderKeyTest = z.infer<typeof providerKeyTest>;

function isServiceAccount(text: string): boolean {
  try {
    const { type, client_email: email, private_key: key, project_id: project } = JSON.parse(text);
    return (
      type === 'service_account' &&
      [email, key, project].every((part) => typeof part === 'string' && part !== '')
    );
  } catch {
    return false;
  }
}
