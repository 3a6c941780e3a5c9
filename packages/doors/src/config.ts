import { planePrivateKey } from '@karta/service/plane-auth';
import { z } from 'zod';
import { apiKey, baseUrl } from './config-values.ts';
import { egressConfig, ranges } from './egress/config.ts';
import { DRAIN_MS, STALE_MS } from './limits.ts';
import { bedrockConfig, vertexConfig } from './upstreams/cloud-config.ts';

/** What the doors read from their standard input: one line of JSON. */
export const doorsConfig = z.strictObject({
  /** Folder for sockets; created when absent. Channels are in `channels/` below it. */
  runtime_dir: z.string().startsWith('/'),
  /** Folder of the usage journal, for the doors alone; must outlast a reboot. Created when absent. */
  journal_dir: z.string().startsWith('/'),
  /**
   * Folder of what they sign with once that is another key than the configured one, for the doors
   * alone; created when absent. `null`: it stays the configured one.
   */
  keys_dir: z.string().startsWith('/').nullable().default(null),
  management_socket: z.string().startsWith('/'),
  management_token: z.string().min(16),
  upstreams: z
    .array(
      z.discriminatedUnion('id', [
        z.strictObject({ id: z.literal('demo') }),
        z.strictObject({ id: z.literal('anthropic'), base_url: baseUrl, api_key: apiKey }),
        z.strictObject({ id: z.literal('openai'), base_url: baseUrl, api_key: apiKey }),
        z.strictObject({ id: z.literal('openrouter'), base_url: baseUrl, api_key: apiKey }),
        z.strictObject({
          id: z.literal('openai-compatible'),
          base_url: baseUrl,
          api_key: apiKey,
          /** Whether it has Responses beside Chat Completions. */
          responses: z.boolean().default(false),
        }),
        bedrockConfig,
        vertexConfig,
      ]),
    )
    .min(1)
    .refine((list) => new Set(list.map(({ id }) => id)).size === list.length, 'each id once'),
  /**
   * The control plane, which need not run yet, and what the doors sign with there: it knows budgets
   * and the orgs' own provider keys. `null`: there are none of either.
   */
  control: z
    .strictObject({
      internal_url: z.url(),
      key: planePrivateKey,
      /** How long what is known of an org counts while nobody can be asked, in milliseconds. */
      stale_auth_ms: z.int().nonnegative().default(STALE_MS),
    })
    .nullable()
    .default(null),
  /** Addresses beside the public network where servers may be that orgs name for their own keys. */
  own_keys: z.strictObject({ allow_private: ranges.default([]) }).prefault({}),
  egress: egressConfig.prefault({}),
  /** Becomes this user once its sockets are open; ignored when not started as root. */
  run_as_uid: z.int().positive().optional(),
  /** Loopback port of the metrics: 0 for any, `null` for none. */
  metrics_port: z.int().min(0).max(65_535).nullable(),
  /** How long SIGTERM waits for calls in flight, in milliseconds. */
  drain_ms: z.int().nonnegative().default(DRAIN_MS),
});
export type DoorsConfig = z.infer<typeof doorsConfig>;
/** As it is sent: what has a default may be left out. */
export type DoorsSettings = z.input<typeof doorsConfig>;

/** What the doors print to their standard output once they serve: one line of JSON. */
export const doorsReady = z.strictObject({
  ready: z.literal(true),
  metrics_port: z.int().nullable(),
});
export type DoorsReady = z.infer<typeof doorsReady>;
