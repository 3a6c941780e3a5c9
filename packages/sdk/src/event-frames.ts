import { EVENT_TYPES, type KartaEvent } from '@karta/protocol';
import { createParser } from 'eventsource-parser';
import { ConnectionError } from './errors.ts';

/**
 * A server sends a comment every 15 s at least; three missed ones mean that the connection is dead
 * although nobody closed it. In milliseconds.
 */
export const SILENCE_MS = 45_000;

const KNOWN_TYPES: ReadonlySet<string> = new Set(EVENT_TYPES);

/** One message of an SSE answer. */
export interface SseMessage {
  id: string | undefined;
  event: string | undefined;
  data: string;
}

/**
 * The events in the body of an SSE answer. Ends when the body ends; throws `ConnectionError` when
 * it breaks off or falls silent. Events of a type this version does not know are left out.
 */
export async function* eventFrames(
  body: ReadableStream<Uint8Array>,
  silenceMs: number = SILENCE_MS,
): AsyncGenerator<KartaEvent> {
  for await (const message of sseMessages(body, silenceMs)) {
    const event = eventIn(message.data);
    if (event !== null) yield event;
  }
}

/** The messages of an SSE answer, whatever they hold. Ends and throws as {@link eventFrames}. */
export async function* sseMessages(
  body: ReadableStream<Uint8Array>,
  silenceMs: number = SILENCE_MS,
): AsyncGenerator<SseMessage> {
  const ready: SseMessage[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => void ready.push({ id, event, data }),
  });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await readWithin(reader, silenceMs);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    // The connection may be broken already; then there is nothing left to cancel.
    reader.cancel().catch(() => undefined);
  }
}

async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  silenceMs: number,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new ConnectionError(`No byte of the stream for ${silenceMs} ms`)),
      silenceMs,
    );
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (cause) {
    if (cause instanceof ConnectionError) throw cause;
    throw new ConnectionError('The stream broke off', { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** The JSON of a message. Throws `ConnectionError` when it is none: what came is not whole. */
export function jsonIn(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new ConnectionError('The stream holds an event that is not JSON', { cause });
  }
}

function eventIn(data: string): KartaEvent | null {
  const value = jsonIn(data);
  const { type, seq } = (value ?? {}) as { type?: unknown; seq?: unknown };
  if (typeof seq !== 'number' || typeof type !== 'string') return null;
  return KNOWN_TYPES.has(type) ? (value as KartaEvent) : null;
}
