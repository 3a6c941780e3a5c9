import { pause, waitBefore } from './backoff.ts';
import { ConnectionError } from './errors.ts';
import { SILENCE_MS } from './event-frames.ts';
import type { Transport } from './transport.ts';

/** A stream of events that survives its connections. */
export interface ResumableSource<E extends { seq: number }> {
  transport: Transport;
  /** Opens the stream after the event `after`; `null` before the first event. */
  open(after: number | null): Promise<Response>;
  /** The events in the body of an answer. */
  read(body: ReadableStream<Uint8Array>, silenceMs: number): AsyncGenerator<E>;
  /** Events that are not wanted: they count as seen. */
  wanted(event: E): boolean;
  /** Whether `event` is the last one wanted. */
  ends(event: E): boolean;
  /** Whether the server's closing the stream in order is its end, and no drop. */
  endsWithStream: boolean;
  signal: AbortSignal;
  silenceMs?: number | undefined;
}

/**
 * Yields every wanted event exactly once, in order, however often the connection drops: it
 * reconnects after the last event seen, with growing waits that start over with each event that
 * arrives. Throws `ConnectionError` when that fails too often in a row, and `ApiError` when the
 * server refuses (`replay_expired`: the events in between are no longer kept).
 */
export async function* resume<E extends { seq: number }>(
  source: ResumableSource<E>,
): AsyncGenerator<E> {
  const { transport, signal } = source;
  let last: number | null = null;
  let failures = 0;
  for (;;) {
    const response = await source.open(last);
    if (response.status === 204 || response.body === null) return;
    let drop: ConnectionError;
    try {
      for await (const event of source.read(response.body, source.silenceMs ?? SILENCE_MS)) {
        signal.throwIfAborted();
        if (last !== null && event.seq <= last) continue;
        last = event.seq;
        failures = 0;
        if (source.wanted(event)) yield event;
        if (source.ends(event)) return;
      }
      if (source.endsWithStream) return;
      drop = new ConnectionError('The stream ended too early');
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ConnectionError)) throw error;
      drop = error;
    }
    failures += 1;
    if (failures > transport.maxRetries) throw drop;
    await pause(waitBefore(failures, transport.backoff), signal);
  }
}
