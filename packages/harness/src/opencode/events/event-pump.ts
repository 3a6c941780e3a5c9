import { ZodError } from 'zod';
import { GuardError } from '../../guard/index.ts';
import type { Connection } from '../server/connection.ts';
import { parseEvent, type ServerEvent } from './schema.ts';

/** Broken streams in a row, without an event between, before the server counts as lost. */
const RECONNECTS = 5;
const RECONNECT_MS = 100;

export interface PumpHandlers {
  /** Each event, one after the other; the next is not read before a promise resolves. */
  onEvent(event: ServerEvent): undefined | Promise<void>;
  /** The stream was broken and is open again: events may have been missed. */
  onReconnected(): Promise<void>;
  /** The server sends what it must not, or cannot be reached any more. */
  onLost(error: Error): void;
}

/**
 * Reads the server's events until `signal` aborts. Resolves once the first stream is open, so that
 * no event of a later prompt is missed; rejects when it cannot be opened.
 */
export async function pumpEvents(
  connection: Connection,
  handlers: PumpHandlers,
  signal: AbortSignal,
): Promise<void> {
  const first = await connection.events(signal);
  void follow(first, connection, handlers, signal).catch((error: unknown) => {
    if (!signal.aborted) handlers.onLost(asError(error));
  });
}

async function follow(
  first: AsyncIterable<unknown[]>,
  connection: Connection,
  handlers: PumpHandlers,
  signal: AbortSignal,
): Promise<void> {
  let events = first;
  let failures = 0;
  for (;;) {
    try {
      for await (const batch of events) {
        failures = 0;
        for (const data of batch) {
          const event = parseEvent(data);
          if (event === null) continue;
          // Awaited only when there is something to wait for: a flood has many events at once.
          const taken = handlers.onEvent(event);
          if (taken !== undefined) await taken;
        }
      }
    } catch (error) {
      if (signal.aborted || isViolation(error)) throw error;
    }
    for (;;) {
      failures += 1;
      if (failures > RECONNECTS) throw new Error('the event stream cannot be opened any more');
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS * failures));
      signal.throwIfAborted();
      const opened = await connection.events(signal).catch((error: unknown) => {
        if (isViolation(error)) throw error;
        return null;
      });
      if (opened === null) continue;
      events = opened;
      await handlers.onReconnected();
      break;
    }
  }
}

/** What a broken connection never causes: the peer is not what it claims to be. */
function isViolation(error: unknown): boolean {
  return error instanceof GuardError || error instanceof ZodError;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the event stream failed');
}
