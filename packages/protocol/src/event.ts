import { z } from 'zod';
import { decision, inputKind } from './input.ts';
import { moneyWire } from './money.ts';
import { usage } from './usage.ts';

export const stopReason = z.enum([
  'end_turn',
  'cancelled',
  'error',
  'budget_exhausted',
  'max_turns',
  'timeout',
]);
/** Why a turn ended. A pause for an input is not an end. */
export type StopReason = z.infer<typeof stopReason>;

const textPart = z.object({ type: z.literal('text'), text: z.string() });
const reasoningPart = z.object({ type: z.literal('reasoning'), text: z.string() });

export const toolUseData = z.object({
  tool_use_id: z.string(),
  tool_name: z.string(),
  tool_input: z.unknown(),
});
export const toolResultData = z.object({
  tool_use_id: z.string(),
  output: z.string(),
  is_error: z.boolean(),
});

/** The `data` of each event type. The keys are the closed set of types a client meets. */
export const eventData = {
  text: z.object({ part: textPart }),
  reasoning: z.object({ part: reasoningPart }),
  tool_use: toolUseData,
  tool_result: toolResultData,
  step_start: z.object({ step_index: z.int(), description: z.string().optional() }),
  step_finish: z.object({ step_index: z.int(), result: z.string().optional() }),
  input_required: z.object({
    request_id: z.string(),
    kind: inputKind,
    tool: z.string(),
    message: z.string(),
    tool_input: z.unknown(),
    options: z.array(z.string()),
  }),
  input_resolved: z.object({
    request_id: z.string(),
    decision,
    /** The id of who answered, or `platform` (a grant, an expiry) or `harness` (dropped by it). */
    by: z.string(),
  }),
  participant: z.object({
    participant_id: z.string(),
    change: z.enum(['joined', 'left', 'handoff']),
    name: z.string().optional(),
    type: z.enum(['human', 'ai']).optional(),
  }),
  file: z.object({ path: z.string(), change: z.enum(['added', 'modified', 'deleted']) }),
  /** Notices: `warming`, `queued`, `resumed`, or a harness event of a kind Karta does not know. */
  system: z.object({
    kind: z.string(),
    message: z.string().optional(),
    detail: z.unknown().optional(),
  }),
  error: z.object({
    code: z.string(),
    message: z.string(),
    provider: z.string().optional(),
    retryable: z.boolean(),
  }),
  done: z.object({
    stop_reason: stopReason,
    usage,
    cost: moneyWire.nullable(),
    /** The turn's whole answer, so that a client that joined late has it. */
    message: z.object({ id: z.string(), role: z.literal('assistant'), text: z.string() }),
  }),
} as const;

export type EventType = keyof typeof eventData;
export type EventDataOf<T extends EventType> = z.infer<(typeof eventData)[T]>;

/** One event of a session as it goes over the wire. */
export type KartaEvent = {
  [T in EventType]: {
    type: T;
    /** Counts per session and never restarts. */
    seq: number;
    session_id: string;
    turn_id: string | null;
    source: 'karta';
    /** Milliseconds since the epoch. */
    timestamp: number;
    data: EventDataOf<T>;
    /** The harness's own event, only for `?raw=true` with an API key. */
    raw?: unknown;
  };
}[EventType];

export type EventBody = {
  [T in EventType]: { type: T; data: EventDataOf<T>; raw?: unknown };
}[EventType];

export const EVENT_TYPES = Object.keys(eventData) as EventType[];

const envelope = {
  seq: z.int().nonnegative(),
  session_id: z.string(),
  turn_id: z.string().nullable(),
  source: z.literal('karta'),
  timestamp: z.int(),
  raw: z.unknown().optional(),
};

function eventOf<T extends EventType>(type: T) {
  return z.object({ type: z.literal(type), ...envelope, data: eventData[type] });
}

/** The wire schema of an event: a union discriminated by `type`. */
export const kartaEvent = z.discriminatedUnion('type', [
  eventOf('text'),
  eventOf('reasoning'),
  eventOf('tool_use'),
  eventOf('tool_result'),
  eventOf('step_start'),
  eventOf('step_finish'),
  eventOf('input_required'),
  eventOf('input_resolved'),
  eventOf('participant'),
  eventOf('file'),
  eventOf('system'),
  eventOf('error'),
  eventOf('done'),
]);
