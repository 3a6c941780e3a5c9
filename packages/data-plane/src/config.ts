import { isolation } from '@karta/protocol';
import { internalSurface, planePrivateKey, planePublicKey } from '@karta/service/plane-auth';
import { z } from 'zod';

/** Started sandboxes kept ready per release, at most. */
const MAX_POOL = 64;
/** `KARTA_STALE_AUTH` by default, in milliseconds. */
const STALE_AUTH_MS = 5 * 60 * 1000;
const port = z.int().min(0).max(65_535);

/** What a data plane process reads from its standard input: one line of JSON. */
export const dataPlaneConfig = z.strictObject({
  /** Karta's home: releases, volumes, what the control plane told. */
  home: z.string().startsWith('/'),
  /** A short folder for sockets. */
  runtime_dir: z.string().startsWith('/'),
  host: z.string().min(1),
  /** 0 takes any. */
  port,
  /** Where the control plane speaks to this one: `/v1/internal/*`, metrics and health. */
  internal: internalSurface,
  /** The control plane, which is the system of record. */
  control: z.strictObject({
    internal_url: z.url(),
    /** Signs what this plane asks of it. */
    key: planePrivateKey,
    /** What it signs with. */
    public_key: planePublicKey,
    /** How long an API key that was good is taken for good while nobody can be asked. */
    stale_auth_ms: z.int().nonnegative().default(STALE_AUTH_MS),
  }),
  /** A PostgreSQL URL of the application role. */
  database_url: z.string().regex(/^postgres(ql)?:\/\//, 'must be a PostgreSQL URL'),
  /** The role that owns the schema: when given, it is brought up to date first. */
  database_owner_url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be a PostgreSQL URL')
    .optional(),
  doors: z.strictObject({
    management_socket: z.string().startsWith('/'),
    token: z.string().min(1),
  }),
  sandbox: z.enum(['auto', 'namespace', 'none']),
  pool_size: z.int().min(0).max(MAX_POOL),
  /** How long running turns may go on after SIGTERM, in milliseconds. */
  drain_ms: z.int().nonnegative(),
  /** Whether releases other than the bundled examples may run where nothing isolates them. */
  allow_unsandboxed: z.boolean(),
  /** `KARTA_TRUSTED_PROXIES`: addresses and ranges, by commas. */
  trusted_proxies: z.string().default(''),
  /** Below which each project has a host of its own, `{ref}-{org}.{domain}`; `null`: none has. */
  domain: z
    .string()
    .regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
    .nullable()
    .default(null),
  /** Values of secrets that applications may expose in their sandboxes, by name. */
  environment: z.record(z.string(), z.string()).default({}),
});
export type DataPlaneConfig = z.infer<typeof dataPlaneConfig>;

/** What it prints to its standard output once it serves: one line of JSON. */
export const dataPlaneReady = z.strictObject({
  ready: z.literal(true),
  url: z.url(),
  internal_url: z.url(),
  isolation,
});
export type DataPlaneReady = z.infer<typeof dataPlaneReady>;
