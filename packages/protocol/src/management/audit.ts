import { z } from 'zod';

/** The audit log of an org: a hash chain whose heads are signed. */

const time = z.iso.datetime({ offset: true });
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const auditEvent = z.strictObject({
  org_id: z.string(),
  /** 1, 2, … without a gap within the org. */
  seq: z.int().positive(),
  id: z.string(),
  at: time,
  actor: z.strictObject({
    kind: z.enum(['person', 'api_key', 'operator', 'system']),
    id: z.string(),
    /** An e-mail address, or the id of a key. */
    label: z.string(),
  }),
  /** For example `keys.create`. */
  action: z.string(),
  target: z.strictObject({ kind: z.string(), id: z.string() }),
  /** What changed. Never a secret. */
  details: z.record(z.string(), z.unknown()),
  /** The hash of the event before; 64 zeros for the first. */
  prev_hash: sha256,
  /** SHA-256, hex, over the canonical JSON of all the other fields. */
  hash: sha256,
});
export type AuditEvent = z.infer<typeof auditEvent>;

/** `GET /v1/audit`, the newest first. */
export const auditList = z.object({
  events: z.array(auditEvent),
  next_cursor: z.string().nullable(),
});

/** What `GET /v1/audit` is narrowed by. */
export const auditQuery = z.object({
  action: z.string().max(100).optional(),
  actor: z.string().max(300).optional(),
  target: z.string().max(200).optional(),
  since: time.optional(),
  until: time.optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the next_cursor of a list')
    .optional(),
});
export type AuditQuery = z.infer<typeof auditQuery>;

/** `GET /v1/audit/export`: `from` leaves out the events before that number. */
export const auditExportQuery = z.object({
  from: z.coerce.number().int().positive().optional(),
});

/** The end of a chain at a moment, signed with Ed25519 over the canonical JSON of the other fields. */
export const auditHead = z.strictObject({
  org_id: z.string(),
  seq: z.int().nonnegative(),
  hash: sha256,
  signed_at: time,
  /** Which key of `GET /v1/audit/keys` signed. */
  key_id: z.string(),
  /** base64url */
  signature: z.string(),
});
export type AuditHead = z.infer<typeof auditHead>;

/** `GET /v1/audit/heads`: the signed heads, the newest first. */
export const auditHeadList = z.object({
  heads: z.array(auditHead),
  next_cursor: z.string().nullable(),
});

/** A line of `GET /v1/audit/export` (NDJSON): every event from the first, then the head. */
export const auditLine = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('event'), event: auditEvent }),
  z.strictObject({ kind: z.literal('head'), head: auditHead }),
]);
export type AuditLine = z.infer<typeof auditLine>;

/** `GET /v1/audit/keys`: public keys of signed heads, former ones included (a JWK Set). */
export const auditKeys = z.object({
  keys: z.array(
    z.object({
      kty: z.literal('OKP'),
      crv: z.literal('Ed25519'),
      x: z.string(),
      kid: z.string(),
    }),
  ),
});
export type AuditKeys = z.infer<typeof auditKeys>;
