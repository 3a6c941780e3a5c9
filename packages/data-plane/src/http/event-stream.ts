import { type KartaEvent, SSE_HEARTBEAT } from '@karta/protocol';
import { frameOf } from '../sessions/frame.ts';
import type { EventFeed } from '../sessions/port.ts';

/** Told by the stream to whoever counts and logs. */
export interface StreamHooks {
  /** Called once, however the stream ends. */
  closed(): void;
  /** The source failed; the stream just ends and the client takes up where it was. */
  failed(error: unknown): void;
}

export interface EventStream {
  body: ReadableStream<Uint8Array>;
  /** Puts a frame of the platform's own between two events. */
  push(frame: string): void;
  /** Ends the stream after what is already on its way. */
  close(): void;
}

const encoder = new TextEncoder();
/** Enough for one write; what is more waits where all readers share it. */
const WRITE_CHARS = 16 * 1024;
const HEARTBEAT = encoder.encode(SSE_HEARTBEAT);

/** Headers of every event stream. A proxy that buffers or compresses would break it. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/**
 * Events as a Server-Sent Events body. Driven by the reader: one that is slow holds one write of
 * frames here and slows nobody else. After `heartbeatMs` of silence a comment is sent, unless an
 * earlier write still waits. When the reader goes away `abort` fires.
 */
export function eventStream(
  events: EventFeed,
  abort: AbortController,
  heartbeatMs: number,
  hooks: StreamHooks,
): EventStream {
  const iterator = events[Symbol.asyncIterator]();
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let ended = false;
  const heartbeat = setInterval(() => {
    if ((controller.desiredSize ?? 0) > 0) controller.enqueue(HEARTBEAT);
  }, heartbeatMs);
  // A server that stops must not wait for silence to be broken.
  heartbeat.unref();

  function end(): boolean {
    if (ended) return false;
    ended = true;
    clearInterval(heartbeat);
    abort.abort();
    hooks.closed();
    return true;
  }

  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
    async pull() {
      try {
        const next = await iterator.next();
        if (ended) return;
        if (next.done) {
          if (end()) controller.close();
          return;
        }
        controller.enqueue(encoder.encode(gathered(frameOf(next.value), events)));
        heartbeat.refresh();
      } catch (error) {
        // Erroring the body would put the error's text on the wire.
        if (end()) {
          hooks.failed(error);
          controller.close();
        }
      }
    },
    cancel() {
      end();
      return releaseQuietly(iterator);
    },
  });

  return {
    body,
    push(frame) {
      if (!ended) controller.enqueue(encoder.encode(frame));
    },
    close() {
      if (!end()) return;
      controller.close();
      void releaseQuietly(iterator);
    },
  };
}

/** The frame with those of the events that wait behind it: each write costs as much as ten frames. */
function gathered(first: string, events: EventFeed): string {
  let frames = first;
  while (frames.length < WRITE_CHARS) {
    const event = events.ready?.();
    if (event === undefined) break;
    frames += frameOf(event);
  }
  return frames;
}

/** Lets the source free what it holds. It has been aborted: what it throws now tells nothing new. */
async function releaseQuietly(iterator: AsyncIterator<KartaEvent>): Promise<void> {
  await iterator.return?.().catch(() => undefined);
}
