import { z } from 'zod';
import { webOrigin } from './web-origin.ts';

const moment = z.iso.datetime({ offset: true });
const cursor = z.string().nullable();

/** The longest ref; with a long slug of its org it is shorter, see {@link longestRef}. */
const MAX_REF_CHARS = 40;
/** The longest label of a host, as DNS has it. */
const LABEL_CHARS = 63;
/** What a preview's ref has more than its project's: two hyphens and eight digits. */
const PREVIEW_CHARS = 10;

/** The label of a project's own host, for its ref or that of a preview. */
export function hostLabel(ref: string, orgSlug: string): string {
  return `${ref}-${orgSlug}`;
}

/** How many characters a project's ref may have in an org, so that its previews have hosts too. */
export function longestRef(orgSlug: string): number {
  return Math.min(MAX_REF_CHARS, LABEL_CHARS - PREVIEW_CHARS - hostLabel('', orgSlug).length);
}

/**
 * A project's ref: what stands in its URL, unique in its org. No two hyphens side by side, which
 * is how the refs of previews are told apart.
 */
export const projectRef = z
  .string()
  .max(MAX_REF_CHARS, `must have at most ${MAX_REF_CHARS} characters`)
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'must be lowercase letters and digits with single hyphens');

/** `v1`, `v2`, … within a project. */
export const releaseVersion = z.string().regex(/^v[1-9]\d{0,8}$/, 'must be "v" and a number');

const allowedOrigins = z.array(webOrigin).max(100);

/** `POST /v1/projects` */
export const createProjectBody = z.strictObject({
  ref: projectRef,
  allowed_origins: allowedOrigins.default([]),
});
export type CreateProjectBody = z.input<typeof createProjectBody>;

/** `PATCH /v1/projects/{ref}` */
export const patchProjectBody = z.strictObject({
  allowed_origins: allowedOrigins.optional(),
  /** Makes it the project of the org's flat sessions; another takes its place the same way. */
  default: z.literal(true).optional(),
});
export type PatchProjectBody = z.input<typeof patchProjectBody>;

export const project = z.strictObject({
  id: z.string(),
  ref: projectRef,
  /** Where its sessions are created: the data plane's project family. */
  url: z.string(),
  /** Whether the org's flat sessions belong to it. */
  default: z.boolean(),
  active_release: z.strictObject({ id: z.string(), version: releaseVersion }).nullable(),
  allowed_origins: z.array(z.string()),
  created_at: moment,
});
export type ProjectView = z.infer<typeof project>;
export const projectList = z.strictObject({ projects: z.array(project), next_cursor: cursor });

/** Something said about an application, with its place; line 0 is the whole file. */
export const releaseProblem = z.strictObject({
  severity: z.enum(['error', 'warning']),
  file: z.string(),
  line: z.int().nonnegative(),
  message: z.string(),
});
export type ReleaseProblem = z.infer<typeof releaseProblem>;

/** Who did it: a person's e-mail address or a key's id. */
const author = z.strictObject({
  kind: z.enum(['person', 'api_key']),
  id: z.string(),
  label: z.string(),
});

export const release = z.strictObject({
  id: z.string(),
  project_id: z.string(),
  version: releaseVersion,
  /** SHA-256 of the content as it was published. */
  digest: z.string(),
  harness: z.strictObject({ id: z.string(), version: z.string() }),
  agents: z.array(z.string()),
  skills: z.array(z.string()),
  /** Values of `[env]` that are no secret: they belong to the release. */
  env: z.record(z.string(), z.string()),
  warnings: z.array(releaseProblem),
  /** Whether new sessions of the project are pinned to it. */
  active: z.boolean(),
  image_bytes: z.int().nonnegative(),
  created_at: moment,
  created_by: author,
  revoked_at: moment.nullable(),
  /** When its files were removed, since nothing used it any more; it can be activated no longer. */
  expired_at: moment.nullable(),
});
export type ReleaseView = z.infer<typeof release>;
export const releaseList = z.strictObject({ releases: z.array(release), next_cursor: cursor });

/**
 * `POST /v1/projects/{ref}/releases`: the body is a tar archive, gzipped or not, of the folder's
 * content. A project that is absent is created.
 */
export const publishQuery = z.strictObject({
  /** `false`: the release is made, and what runs stays. */
  activate: z.enum(['true', 'false']).default('true'),
  /** `true`: not activated, but reached at a URL of its own for seven days. */
  preview: z.enum(['true', 'false']).default('false'),
});

export const preview = z.strictObject({
  /** What stands in place of the project's ref. */
  ref: z.string(),
  url: z.string(),
  version: releaseVersion,
  created_at: moment,
  expires_at: moment,
});
export type PreviewView = z.infer<typeof preview>;
export const previewList = z.strictObject({ previews: z.array(preview), next_cursor: cursor });
/** `POST /v1/projects/{ref}/previews` */
export const createPreviewBody = z.strictObject({ version: releaseVersion });

export const buildStatus = z.enum(['queued', 'running', 'succeeded', 'failed']);
export type BuildStatus = z.infer<typeof buildStatus>;

/** One publish on its way from an archive to a release. */
export const build = z.strictObject({
  id: z.string(),
  project_id: z.string(),
  project_ref: projectRef,
  status: buildStatus,
  /** How the source came. */
  kind: z.enum(['upload', 'git']),
  source_bytes: z.int().nonnegative(),
  activate: z.boolean(),
  created_at: moment,
  created_by: author,
  finished_at: moment.nullable(),
  /** Why it failed; of a build that succeeded only warnings. */
  problems: z.array(releaseProblem),
  /** Set when it succeeded: the release, which may be one that was there with the same content. */
  release: z
    .strictObject({ id: z.string(), version: releaseVersion, created: z.boolean() })
    .nullable(),
  preview: preview.nullable(),
  /** The project's URL. */
  url: z.string(),
});
export type BuildView = z.infer<typeof build>;
export const buildList = z.strictObject({ builds: z.array(build), next_cursor: cursor });

/**
 * Events of `GET /v1/projects/{ref}/builds/{build_id}/log` (SSE): `log` for each line said so far
 * and to come, then one `build` with its end. `id` is the line's number, for `Last-Event-ID`.
 */
export const buildLogLine = z.strictObject({ at: moment, text: z.string() });
export type BuildLogLine = z.infer<typeof buildLogLine>;

/** `POST /v1/projects/{ref}/activations` */
export const activateBody = z.strictObject({ version: releaseVersion });

/** `POST /v1/projects/{ref}/rollback`: without `to`, to the release that was active before. */
export const rollbackBody = z.strictObject({ to: releaseVersion.optional() });

export const activation = z.strictObject({
  id: z.string(),
  version: releaseVersion,
  release_id: z.string(),
  previous_version: releaseVersion.nullable(),
  reason: z.enum(['publish', 'activate', 'rollback', 'env']),
  by: author,
  at: moment,
});
export type ActivationView = z.infer<typeof activation>;
export const activationList = z.strictObject({
  activations: z.array(activation),
  next_cursor: cursor,
});

/** `GET /v1/projects/{ref}/releases/{version}/diff?against=v1`; by default against the one before. */
export const diffQuery = z.strictObject({ against: releaseVersion.optional() });
export const releaseDiff = z.strictObject({
  from: releaseVersion,
  to: releaseVersion,
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changed: z.array(z.string()),
  /** What differs of harness, env and limits: the name with both values as JSON. */
  config: z.array(z.strictObject({ name: z.string(), from: z.string(), to: z.string() })),
});
export type ReleaseDiff = z.infer<typeof releaseDiff>;

const envName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a variable name');

export { envName };

/**
 * Names that enter no sandbox: the platform's own secrets, the variables by which it leads a harness
 * to its model proxy, and those that change how programs load.
 */
export const RESERVED_ENV =
  /^(KARTA|ANTHROPIC|OPENAI|CLAUDE|OPENCODE|AWS|GOOGLE|XDG|LD|NODE|BUN)_|^(PATH|HOME|USER|SHELL|TMPDIR)$/;

/** `PUT /v1/projects/{ref}/env/{name}` */
export const setEnvBody = z.strictObject({
  value: z
    .string()
    .max(32_768)
    .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be text without NUL'),
  /** A secret is encrypted, never shown again, and read only when a sandbox starts. */
  secret: z.boolean().default(false),
});

export const envValue = z.strictObject({
  name: envName,
  secret: z.boolean(),
  /** `null` for a secret. */
  value: z.string().nullable(),
  updated_at: moment,
});
export type EnvValue = z.infer<typeof envValue>;
export const envList = z.strictObject({ values: z.array(envValue), next_cursor: cursor });

/** Answer of a change: a value that is no secret makes a release of its own when one uses it. */
export const envChange = z.strictObject({
  value: envValue.nullable(),
  release: release.nullable(),
});
export type EnvChange = z.infer<typeof envChange>;
