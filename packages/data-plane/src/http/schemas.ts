import {
  EVENT_TYPES,
  historyMessage,
  kartaEvent,
  messageAnswer,
  participantType,
  session,
  sessionStatus,
} from '@karta/protocol';
import { z } from 'zod';

/** Answers of the public surface that belong to HTTP alone. */
export const sessionList = z.object({
  sessions: z.array(session),
  /** Pass as `cursor` for the next page; `null` on the last. */
  next_cursor: z.string().nullable(),
});

export const history = z.object({ messages: z.array(historyMessage) });

export const resolvedInput = z.object({
  /** What happened from the decision on, up to the next pause or the end of the turn. */
  events: z.array(kartaEvent),
  session,
});

export const fileList = z.object({
  files: z.array(
    z.object({
      path: z.string(),
      size: z.int().nonnegative(),
      modified_at: z.string(),
      kind: z.enum(['file', 'link', 'other']),
    }),
  ),
  truncated: z.boolean(),
});

export const storedFile = z.object({ path: z.string(), size: z.int().nonnegative() });

export const projectView = z.object({
  ref: z.string(),
  project_id: z.string(),
  /** The active release; `null` before the first activation. */
  version: z.string().nullable(),
});

export const harnessList = z.object({
  harnesses: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      installed: z.boolean(),
      version: z.string().nullable(),
      /** What to install, when it is not. */
      message: z.string().nullable(),
      capabilities: z.record(z.string(), z.unknown()),
    }),
  ),
});

export const limitList = z.object({ limits: z.record(z.string(), z.int()) });

/** Schemas that `/openapi.json` names, so that generated clients have named types. */
export const NAMED_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  Session: session,
  SessionList: sessionList,
  SessionStatus: sessionStatus,
  ParticipantType: participantType,
  MessageAnswer: messageAnswer,
  HistoryMessage: historyMessage,
  Event: kartaEvent,
  EventType: z.enum(EVENT_TYPES as [string, ...string[]]),
};

/** A ticket that opens the event stream of one session. */
export const streamTicket = z.object({ ticket: z.string(), expires_at: z.string() });
