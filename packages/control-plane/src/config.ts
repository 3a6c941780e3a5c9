import { LIMITS } from '@karta/protocol';
import { internalSurface, planePrivateKey, planePublicKey } from '@karta/service/plane-auth';
import { z } from 'zod';
import { billingConfig } from './billing/config.ts';

/** Windows of caps are months at most, and a turn's calls may be told late. */
const MIN_USAGE_DAYS = 62;
const port = z.int().min(0).max(65_535);
const postgresUrl = z.string().regex(/^postgres(ql)?:\/\//, 'must be a PostgreSQL URL');

/** What a control plane process reads from its standard input: one line of JSON. */
export const controlPlaneConfig = z.strictObject({
  /** Karta's home: secrets, blobs, `credentials.json`. */
  home: z.string().startsWith('/'),
  host: z.string().min(1),
  /** Public surface; 0 takes any. */
  port,
  /** Where the data planes speak to this one: `/v1/internal/*`, metrics and health. */
  internal: internalSurface,
  /** Signs what this plane asks of the data planes. */
  plane_key: planePrivateKey,
  /**
   * The data planes: where each is asked, the key that it signs with, and that of its doors. Doors
   * without a key here get neither budgets nor provider keys.
   */
  nodes: z
    .array(
      z.strictObject({
        internal_url: z.url(),
        key: planePublicKey,
        doors_key: planePublicKey.nullable().default(null),
      }),
    )
    .max(1_000),
  /** How long the former keys between the planes count once others are used, in milliseconds. */
  plane_key_overlap_ms: z.int().nonnegative().default(LIMITS.planeKeyOverlapMs),
  /** The user to become once it serves, when it is started as root. */
  run_as_uid: z.int().min(1).optional(),
  /**
   * Each connection to it is a process of git's own user, for one push. Without it this process
   * starts git, which it cannot do as another user once it has given up root.
   */
  git_socket: z.string().startsWith('/').optional(),
  /** The application role, which owns nothing. */
  database_url: postgresUrl,
  /** The role that owns the schema: when given, it is brought up to date first. */
  database_owner_url: postgresUrl.optional(),
  /** How long requests in flight may go on after SIGTERM, in milliseconds. */
  drain_ms: z.int().nonnegative(),
  /** `KARTA_TRUSTED_PROXIES`: addresses and ranges, by commas. */
  trusted_proxies: z.string().default(''),
  /**
   * As people's browsers reach the public surface, such as `https://karta.example.com`: logins and
   * links are bound to it. Without it `http://localhost:{port}`.
   */
  public_url: z.url({ protocol: /^https?$/ }).optional(),
  /** Who may sign up. `invite`: whoever an org invites. `closed`: whoever an operator invites. */
  signup: z.enum(['closed', 'invite', 'open']).default('closed'),
  /** Mail by SMTP; without it links are shown to whoever invites. */
  mail: z.strictObject({ smtp_url: z.string().regex(/^smtps?:\/\//), from: z.string() }).optional(),
  /**
   * Of a home that one person serves for themselves: its org is made at the first start, with a key
   * in `credentials.json`. `id` is that of an org from before the control plane.
   */
  first_org: z.strictObject({ id: z.string().optional() }).optional(),
  /** Endpoints of webhooks are at public addresses; an operator may open its own network. */
  webhooks: z
    .strictObject({
      /** Addresses and ranges. Plain `http` is taken for loopback addresses among them only. */
      allow_private: z.array(z.string()).default([]),
    })
    .prefault({}),
  /** `KARTA_DOMAIN`: below it each project has a host of its own; `null`: they have none. */
  domain: z
    .string()
    .regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
    .nullable()
    .default(null),
  /** How long each call has a row of its own; afterwards sums are left. In days. */
  usage_days: z.int().min(MIN_USAGE_DAYS).default(LIMITS.usageDays),
  /** Releases whose files are removed once no session needs them. */
  collection: z
    .strictObject({
      /** Newest releases of a project that are kept in any case. */
      keep: z.int().positive().default(LIMITS.keptReleases),
      every_ms: z
        .int()
        .positive()
        .default(60 * 60 * 1000),
    })
    .prefault({}),
  /** Keys of model providers that orgs bring. */
  provider_keys: z
    .strictObject({
      /**
       * Key-encryption keys, 64 hex digits each, by commas: the first wraps, older ones open what
       * they have wrapped. Without it `secrets/provider-kek` of the home.
       */
      kek: z.string().min(64).optional(),
      /** Addresses and ranges beside the public network where compatible servers may be. */
      allow_private: z.array(z.string()).default([]),
    })
    .prefault({}),
  /** Billing by Stripe; nothing is billed without it. */
  billing: billingConfig.optional(),
  /** The operator's admin plane, with accounts of its own. */
  operator: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port,
      /** As the operator's browser reaches it. Without it `http://localhost:{port}`. */
      public_url: z.url({ protocol: /^https?$/ }).optional(),
    })
    .optional(),
});
export type ControlPlaneConfig = z.infer<typeof controlPlaneConfig>;

/** What it prints to its standard output once it serves: one line of JSON, without a secret. */
export const controlPlaneReady = z.strictObject({
  ready: z.literal(true),
  url: z.url(),
  internal_url: z.url(),
  operator_url: z.url().nullable(),
});
export type ControlPlaneReady = z.infer<typeof controlPlaneReady>;
