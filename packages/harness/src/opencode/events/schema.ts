import { z } from 'zod';

/**
 * The events of OpenCode's server that the adapter acts on. Everything else it names is either noise
 * ({@link IGNORED_EVENTS}) or goes to the client as a `system` notice.
 *
 * An event that claims one of these types without its shape is refused by the parse: the server
 * inside a sandbox is not trusted to be OpenCode.
 */
const ID_CHARS = 256;
const id = z.string().max(ID_CHARS);

const toolState = z.discriminatedUnion('status', [
  z.object({ status: z.literal('pending') }),
  z.object({
    status: z.literal('running'),
    input: z.unknown(),
    metadata: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({
    status: z.literal('completed'),
    input: z.unknown(),
    output: z.string(),
    metadata: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({ status: z.literal('error'), input: z.unknown(), error: z.string() }),
]);
export type ToolState = z.infer<typeof toolState>;

const partBase = { id, messageID: id, sessionID: id };
const textFields = {
  ...partBase,
  text: z.string(),
  time: z.object({ end: z.number().optional() }).optional(),
};

export const toolPart = z.object({
  type: z.literal('tool'),
  ...partBase,
  callID: id,
  tool: z.string().max(256),
  state: toolState,
});
export type ToolPart = z.infer<typeof toolPart>;

export const textPart = z.object({ type: z.enum(['text', 'reasoning']), ...textFields });
export type TextPart = z.infer<typeof textPart>;

const stepStart = z.object({ type: z.literal('step-start'), ...partBase });
const stepFinish = z.object({
  type: z.literal('step-finish'),
  ...partBase,
  reason: z.string().optional(),
});

/** A part of a message; kinds that the adapter does not show are kept as `other`. */
export const messagePart = z.union([
  toolPart,
  textPart,
  stepStart,
  stepFinish,
  z
    .object({ type: z.string(), ...partBase })
    .transform((part) => ({ ...part, type: 'other' as const, kind: part.type })),
]);
export type MessagePart = z.infer<typeof messagePart>;

/** An error as OpenCode names it, on a message or a session. */
export const namedError = z.object({
  name: z.string(),
  data: z
    .object({
      message: z.string().optional(),
      statusCode: z.number().optional(),
      isRetryable: z.boolean().optional(),
      providerID: z.string().optional(),
    })
    .optional(),
});
export type NamedError = z.infer<typeof namedError>;

export const messageInfo = z.object({
  id,
  sessionID: id,
  role: z.enum(['user', 'assistant']),
  time: z.object({ created: z.number(), completed: z.number().optional() }),
  error: namedError.optional(),
  finish: z.string().optional(),
  /** The inner agent that wrote it; `compaction` writes what no person is told. */
  mode: z.string().optional(),
});
export type MessageInfo = z.infer<typeof messageInfo>;

export const sessionStatus = z.discriminatedUnion('type', [
  z.object({ type: z.literal('busy') }),
  z.object({ type: z.literal('idle') }),
  z.object({
    type: z.literal('retry'),
    attempt: z.number(),
    message: z.string(),
    /** Milliseconds since the epoch. */
    next: z.number(),
  }),
]);
export type SessionStatus = z.infer<typeof sessionStatus>;

export const permissionRequest = z.object({
  id,
  sessionID: id,
  permission: z.string(),
  patterns: z.array(z.string()),
  always: z.array(z.string()).default([]),
  metadata: z.record(z.string(), z.unknown()).default({}),
  tool: z.object({ messageID: id, callID: id }).optional(),
});
export type PermissionRequest = z.infer<typeof permissionRequest>;

export const questionRequest = z.object({
  id,
  sessionID: id,
  questions: z.array(
    z.object({
      question: z.string(),
      options: z.array(z.object({ label: z.string() })).default([]),
      multiple: z.boolean().optional(),
    }),
  ),
  tool: z.object({ messageID: id, callID: id }).optional(),
});
export type QuestionRequest = z.infer<typeof questionRequest>;

const properties = {
  'session.created': z.object({
    sessionID: id,
    info: z.object({ id, parentID: id.optional(), agent: z.string().optional() }),
  }),
  'session.status': z.object({ sessionID: id, status: sessionStatus }),
  'session.error': z.object({ sessionID: id.optional(), error: namedError.optional() }),
  'message.updated': z.object({ info: messageInfo }),
  'message.part.updated': z.object({ part: messagePart }),
  'message.part.delta': z.object({
    sessionID: id,
    messageID: id,
    partID: id,
    field: z.string(),
    delta: z.string(),
  }),
  'permission.asked': permissionRequest,
  'permission.replied': z.object({
    sessionID: id,
    requestID: id,
    reply: z.enum(['once', 'always', 'reject']),
  }),
  'question.asked': questionRequest,
  'question.replied': z.object({ sessionID: id, requestID: id }),
  'question.rejected': z.object({ sessionID: id, requestID: id }),
  /** The server forgets all it has loaded, and loads it anew. */
  'server.instance.disposed': z.object({}),
  'file.watcher.updated': z.object({
    file: z.string(),
    event: z.enum(['add', 'change', 'unlink']),
  }),
} as const;

type Known = {
  [T in keyof typeof properties]: { type: T; properties: z.infer<(typeof properties)[T]> };
};
export type KnownEvent = Known[keyof Known];

export type ServerEvent =
  | (KnownEvent & { raw: unknown })
  | { type: 'unknown'; name: string; sessionID: string | null; raw: unknown; properties: unknown };

/** Events that say nothing to a client of a session. */
export const IGNORED_EVENTS: ReadonlySet<string> = new Set([
  'server.connected',
  'server.heartbeat',
  'plugin.added',
  'catalog.updated',
  'integration.updated',
  'integration.connection.updated',
  'reference.updated',
  'models-dev.refreshed',
  'installation.updated',
  'lsp.updated',
  'lsp.client.diagnostics',
  'mcp.tools.changed',
  'project.updated',
  'project.directories.updated',
  'vcs.branch.updated',
  'session.updated',
  'session.deleted',
  'session.diff',
  // Said again by `session.status`.
  'session.idle',
  // Said again by `file.watcher.updated`.
  'file.edited',
  'command.executed',
]);

const envelope = z.object({
  type: z.string().max(256),
  properties: z.record(z.string(), z.unknown()),
});

type Delta = Extract<KnownEvent, { type: 'message.part.delta' }>;

/**
 * A delta looked at without the schema, `null` for what is none: nearly all that comes are deltas,
 * and the schema would take longer than all else that is done with one.
 */
function deltaOf(value: unknown): Delta | null {
  if (!isObject(value) || value.type !== 'message.part.delta' || !isObject(value.properties)) {
    return null;
  }
  const { sessionID, messageID, partID, field, delta } = value.properties;
  if (!isId(sessionID) || !isId(messageID) || !isId(partID)) return null;
  if (typeof field !== 'string' || typeof delta !== 'string') return null;
  return { type: value.type, properties: { sessionID, messageID, partID, field, delta } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= ID_CHARS;
}

/**
 * One event of the server. `null` for events that say nothing. Throws a `ZodError` when the value is
 * no event, or is not what its type promises.
 */
export function parseEvent(value: unknown): ServerEvent | null {
  const delta = deltaOf(value);
  if (delta !== null) return { ...delta, raw: value };
  const { type, properties: given } = envelope.parse(value);
  if (IGNORED_EVENTS.has(type)) return null;
  if (Object.hasOwn(properties, type)) {
    const known = type as keyof typeof properties;
    return { type: known, properties: properties[known].parse(given), raw: value } as ServerEvent;
  }
  const sessionID = typeof given.sessionID === 'string' ? given.sessionID : null;
  return { type: 'unknown', name: type, sessionID, properties: given, raw: value };
}
