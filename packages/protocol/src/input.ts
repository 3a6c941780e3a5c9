import { z } from 'zod';
import { cleanText } from './text.ts';

/** What a person may answer when the harness asks before it acts. */
export const decision = z.enum(['approve_once', 'approve_session', 'deny']);
export type Decision = z.infer<typeof decision>;

/** `permission`: may this tool run? `question`: the agent asks the person something. */
export const inputKind = z.enum(['permission', 'question']);
export type InputKind = z.infer<typeof inputKind>;

/** A pending input as a session shows it. */
export const pendingInput = z.strictObject({
  request_id: z.string(),
  turn_id: z.string(),
  kind: inputKind,
  tool: z.string(),
  message: z.string(),
  tool_input: z.unknown(),
  options: z.array(z.string()),
  created_at: z.string(),
  expires_at: z.string(),
});
export type PendingInput = z.infer<typeof pendingInput>;

/** Body of `PUT …/sessions/{id}/inputs/{request_id}`. */
export const resolveInputBody = z.strictObject({
  decision,
  /** Told to the agent with a denial; for a question, the answer itself. */
  message: cleanText.max(4096).optional(),
  /** Stream the turn's following events instead of waiting for the next pause. */
  stream: z.boolean().default(false),
});
export type ResolveInputBody = z.infer<typeof resolveInputBody>;
