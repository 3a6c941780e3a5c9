import { z } from 'zod';
import { pendingInput } from './input.ts';
import { LIMITS } from './limits.ts';
import { metadataInput } from './metadata.ts';
import { cleanText } from './text.ts';

export const sessionStatus = z.enum(['active', 'running', 'awaiting_input', 'hibernated', 'ended']);
export type SessionStatus = z.infer<typeof sessionStatus>;

/** `interactive`: asks go to a person. `autonomous`: the platform approves each ask once. */
export const permissionMode = z.enum(['interactive', 'autonomous']);
export type PermissionMode = z.infer<typeof permissionMode>;

/** What really holds a session's processes. */
export const isolation = z.enum(['vm', 'vm-emulated', 'kernel', 'namespace', 'none']);
export type Isolation = z.infer<typeof isolation>;

export const participantType = z.enum(['human', 'ai']);
export const participant = z.strictObject({
  id: z.string(),
  name: z.string().nullable(),
  type: participantType,
});

/** An instant as the wire shows it: ISO 8601 with `+00:00`. */
export function isoTime(date: Date): string {
  return `${date.toISOString().slice(0, -1)}+00:00`;
}

/** A session as every route shows it. */
export const session = z.object({
  id: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  current_agent: z.string(),
  status: sessionStatus,
  created_at: z.string(),
  updated_at: z.string(),
  parent_id: z.string().nullable(),
  /** The oldest input that waits for an answer. */
  pending_input: pendingInput.nullable(),
  pending_inputs: z.array(pendingInput),
  permission_mode: permissionMode.nullable(),
  participants: z.array(participant),
  isolation: isolation.nullable(),
  /** Only on the project family. */
  project: z
    .strictObject({ ref: z.string(), project_id: z.string(), version: z.string() })
    .optional(),
});
export type Session = z.infer<typeof session>;

/** Body of `POST …/sessions`. */
export const createSessionBody = z.strictObject({
  metadata: metadataInput.optional(),
  session_id: cleanText.max(64).optional(),
  /** Return the newest live session that has the same values under these metadata keys. */
  match: z.array(cleanText.min(1)).min(1).max(LIMITS.metadataKeys).optional(),
  /** Flat family only: a project other than the org's default, by ref. */
  project: cleanText.max(128).optional(),
});
export type CreateSessionBody = z.infer<typeof createSessionBody>;

/** Body of `PATCH …/sessions/{id}`. */
export const patchSessionBody = z.strictObject({
  metadata: metadataInput.optional(),
  current_agent: cleanText.min(1).max(128).optional(),
  permission_mode: permissionMode.nullable().optional(),
});
export type PatchSessionBody = z.infer<typeof patchSessionBody>;
