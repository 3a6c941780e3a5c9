import { z } from 'zod';
import { KEY_PROVIDERS, keyProvider } from '../management/provider-keys.ts';
import { orgRateLimits } from '../management/rate-limits.ts';
import { NETWORK_TARGETS, networkTarget } from '../network-target.ts';
import { modelFallback } from '../provider-model.ts';
import { callCost, UNPRICED } from './metering.ts';

/**
 * What the control plane and the data plane say to each other, on `/v1/internal/*` of their internal
 * ports only. Each request carries a service token bound to its method, path and body.
 */

/** Planes of different numbers refuse each other. Raised when a message here changes its meaning. */
export const PLANE_PROTOCOL = 4;

export const apiScope = z.enum(['read', 'write', 'admin']);
export type ApiScope = z.infer<typeof apiScope>;

/** A release as the nodes know it: everything a session needs that is no secret. */
export const releaseRecord = z.strictObject({
  id: z.string(),
  org_id: z.string(),
  project_id: z.string(),
  /** `v1`, `v2`, … within the project. */
  version: z.string(),
  /** SHA-256 of the content, hex: names the image, and what a node checks after pulling it. */
  digest: z.string(),
  harness: z.strictObject({ id: z.string(), version: z.string() }),
  config: z.strictObject({
    memory_mb: z.int().positive().nullable(),
    cpus: z.number().positive().nullable(),
    disk_mb: z.int().positive().nullable(),
    max_turn_ms: z.int().positive().nullable(),
    /** Values that are no secret and enter the sandbox. */
    env: z.record(z.string(), z.string()),
    /** Names of secret values, fetched at start with an org grant. */
    secrets: z.array(
      z.strictObject({ name: z.string(), expose: z.boolean(), required: z.boolean() }),
    ),
    model_default: z.string().nullable(),
    /** `[model] fallback`. */
    model_fallback: modelFallback.default([]),
    /** Providers that the org alone had keys of at the publish, and by which alone a wire is served. */
    own_wires: z.array(keyProvider).max(KEY_PROVIDERS.length).optional(),
    /** `[network] allow`: what the egress door lets its sandboxes reach. */
    network_allow: z.array(networkTarget).max(NETWORK_TARGETS),
    /**
     * `[network] provider_tools`: whether the model's provider may reach the network for the agent,
     * by tools that it hosts and addresses that it fetches.
     */
    provider_tools: z.boolean(),
  }),
  created_at: z.iso.datetime({ offset: true }),
  /** Set when it was revoked: its sessions end, nothing new starts. */
  revoked_at: z.iso.datetime({ offset: true }).nullable(),
  /** `retiring`: no further session may be pinned to it. `expired`: its files are gone. */
  standing: z.enum(['kept', 'retiring', 'expired']).default('kept'),
});
export type ReleaseRecord = z.infer<typeof releaseRecord>;

/** A project as the nodes know it. */
export const projectRecord = z.strictObject({
  id: z.string(),
  org_id: z.string(),
  org_slug: z.string(),
  ref: z.string(),
  active_release_id: z.string().nullable(),
  allowed_origins: z.array(z.string()),
  /** Origins of its embed keys: only for tokens that were minted through them. */
  embed_origins: z.array(z.string()),
  /** Flat sessions of the org belong to this project. */
  is_default: z.boolean(),
  /** Refs of their own at which a release that is not active can be tried, until they expire. */
  previews: z.array(
    z.strictObject({
      ref: z.string(),
      release_id: z.string(),
      expires_at: z.iso.datetime({ offset: true }),
    }),
  ),
  deleted: z.boolean(),
});
export type ProjectRecord = z.infer<typeof projectRecord>;

/** What must no longer be accepted, by id; kept until it would have expired by itself. */
export const denial = z.strictObject({
  kind: z.enum(['jti', 'api_key', 'project_tokens', 'org', 'staff', 'unpaid']),
  id: z.string(),
  /** Tokens issued before this moment (seconds since the epoch) are refused; `null`: all. */
  issued_before: z.int().nullable(),
  until: z.int(),
});
export type Denial = z.infer<typeof denial>;

/**
 * `POST data:/v1/internal/sync`: the control plane brings a node up to date. `since` is what the
 * node said it has; a node whose number differs takes nothing, answers its own and gets everything.
 */
export const syncBody = z.strictObject({
  protocol: z.int(),
  since: z.int().nonnegative(),
  version: z.int().nonnegative(),
  /** Whether this is the whole truth: what is not named is forgotten. */
  complete: z.boolean(),
  projects: z.array(projectRecord),
  releases: z.array(releaseRecord),
  denials: z.array(denial),
  /** Of each org whose limits have changed, all of them. */
  rate_limits: z.array(orgRateLimits).default([]),
  /** How many nodes share each rate limit. */
  nodes: z.int().positive().default(1),
  /** Origins of pages by which people of orgs read and talk with staff tokens: the control plane's. */
  staff_origins: z.array(z.string()).default([]),
  /** Public keys of session tokens (a JWK Set), whole at each time. */
  token_keys: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())) }),
});
export type SyncBody = z.infer<typeof syncBody>;

export const syncAnswer = z.strictObject({
  protocol: z.int(),
  node_id: z.string(),
  version: z.int().nonnegative(),
  /** Where clients reach the node's public surface. */
  url: z.url(),
});
export type SyncAnswer = z.infer<typeof syncAnswer>;

/** `POST data:/v1/internal/pins`: which of these releases are needed by sessions of the node. */
export const pinsBody = z.strictObject({ release_ids: z.array(z.string()).max(10_000) });

/** Counts only when `version` is at least that of the sync by which the releases are retiring. */
export const pinsAnswer = z.strictObject({
  version: z.int().nonnegative(),
  pinned: z.array(z.string()),
});
export type PinsAnswer = z.infer<typeof pinsAnswer>;

/** `POST control:/v1/internal/credentials/validate` */
export const validateCredentialBody = z.strictObject({ credential: z.string() });

/** A valid API key. Anything else is answered 404. */
export const validatedCredential = z.strictObject({
  principal_id: z.string(),
  org_id: z.string(),
  /** `kt_test_` keys run on the demo model and see only what test keys made. */
  mode: z.enum(['live', 'test']),
  scopes: z.array(apiScope),
  /** Signed, node-bound, 10 minutes: proof that this node has met a credential of this org. */
  org_grant: z.string(),
});
export type ValidatedCredential = z.infer<typeof validatedCredential>;

/** `POST data:/v1/internal/builds`: answered by one {@link buildLine} of JSON a line, as it goes. */
export const buildBody = z.strictObject({
  build_id: z.string(),
  org_id: z.string(),
  project_id: z.string(),
  /** SHA-256 of the archive as it was uploaded (tar, gzip or not). */
  source_digest: z.string(),
  /** Lets the node pull that archive and push the image of this build, nothing else. */
  build_grant: z.string(),
  /** Names that `karta env set` gave a value. Values of those that are no secret. */
  env: z.strictObject({ plain: z.record(z.string(), z.string()), secret: z.array(z.string()) }),
  /** What an application without a name in its `karta.toml` is called. */
  fallback_name: z.string(),
  /** Providers of which the org has a key of its own: a model may name them. */
  own_providers: z.array(keyProvider).default([]),
});
export type BuildBody = z.infer<typeof buildBody>;

export const buildProblem = z.strictObject({
  severity: z.enum(['error', 'warning']),
  file: z.string(),
  line: z.int().nonnegative(),
  message: z.string(),
});

export const buildLine = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('log'), at: z.int(), text: z.string() }),
  z.strictObject({ kind: z.literal('failed'), problems: z.array(buildProblem) }),
  z.strictObject({
    kind: z.literal('built'),
    /** Digest of the content as it was published: the same content is the same release. */
    content_digest: z.string(),
    /** Digest of the tree that runs: differs where `[build] setup` changed something. */
    digest: z.string(),
    image_bytes: z.int().nonnegative(),
    name: z.string(),
    harness: releaseRecord.shape.harness,
    config: releaseRecord.shape.config,
    /** What `[env]` declares, so that a value set later finds the release that uses it. */
    declared_env: z.array(
      z.strictObject({
        name: z.string(),
        secret: z.boolean(),
        required: z.boolean(),
        expose: z.boolean(),
      }),
    ),
    agents: z.array(z.string()),
    skills: z.array(z.string()),
    warnings: z.array(buildProblem),
    /** Every file with its SHA-256, for the diff of two releases. */
    files: z.array(z.strictObject({ path: z.string(), digest: z.string(), bytes: z.int() })),
  }),
]);
export type BuildLine = z.infer<typeof buildLine>;

/** One model call, counted by the doors: the only source of usage. */
export const usageEvent = z.strictObject({
  /** `call_…`: an event of the same id is counted once. */
  id: z.string(),
  org_id: z.string(),
  project_id: z.string(),
  session_id: z.string(),
  turn_id: z.string().nullable(),
  /** The credential that the turn was sent with. */
  principal_id: z.string().nullable(),
  end_user: z.string().nullable(),
  /** The API key that was used, or that minted the token that was used. */
  api_key_id: z.string().nullable().default(null),
  /** The embed key that minted the token that was used. */
  embed_key_id: z.string().nullable().default(null),
  provider: z.string(),
  model: z.string(),
  input_tokens: z.int().nonnegative(),
  cache_read_tokens: z.int().nonnegative(),
  cache_write_tokens: z.int().nonnegative(),
  output_tokens: z.int().nonnegative(),
  /** Counted by us because the provider never told. */
  estimated: z.boolean(),
  paid_by: z.enum(['platform', 'byok']),
  mode: z.enum(['live', 'test']),
  spend: callCost.default(UNPRICED),
  at: z.iso.datetime({ offset: true }),
});
export type UsageEvent = z.infer<typeof usageEvent>;

/** What happened to a session, for webhooks: ids and numbers, never text. */
export const lifecycleEvent = z.strictObject({
  /** `evt_…`: an event of the same id has one effect. */
  id: z.string(),
  type: z.enum([
    'session.created',
    'session.ended',
    'turn.completed',
    'turn.failed',
    'input.required',
  ]),
  org_id: z.string(),
  project_id: z.string(),
  session_id: z.string(),
  data: z.record(z.string(), z.unknown()),
  at: z.iso.datetime({ offset: true }),
});
export type LifecycleEvent = z.infer<typeof lifecycleEvent>;

/** `POST control:/v1/internal/events`: a batch of a node's outbox, with a grant for each org. */
export const eventBatch = z.strictObject({
  node_id: z.string(),
  grants: z.record(z.string(), z.string()),
  usage: z.array(usageEvent).max(5_000),
  lifecycle: z.array(lifecycleEvent).max(5_000),
});
export type EventBatch = z.infer<typeof eventBatch>;

/** Ids that are counted now, whether by this batch or before; the node forgets them. */
export const eventBatchAnswer = z.strictObject({
  accepted: z.array(z.string()),
  /** Of an org without a valid grant, or broken: kept apart by the node and alarmed. */
  refused: z.array(z.strictObject({ id: z.string(), reason: z.string() })),
});

/** `POST control:/v1/internal/projects/{project_id}/secrets`, with the org's grant. */
export const secretsAnswer = z.strictObject({ values: z.record(z.string(), z.string()) });
