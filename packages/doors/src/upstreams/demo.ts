import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { type DemoAnswer, demoAnswer } from '../demo/answer.ts';
import { Attempts } from '../demo/script/attempts.ts';
import type { ModelReply, Upstream } from './port.ts';

/** The demo model as an upstream: no network, no key, the true wire formats of both families. */
export function demoUpstream(): Upstream {
  const attempts = new Attempts();
  return {
    id: 'demo',
    families: ['anthropic', 'openai'],
    endpoint: 'embedded',
    send: (call, _key, signal) => perform(demoAnswer(call, attempts), signal),
    close: () => {},
  };
}

/** Plays an answer in its own pace. Rejects when aborted before the first byte. */
export async function perform(answer: DemoAnswer, signal: AbortSignal): Promise<ModelReply> {
  const { delayMs, ending } = answer.pace;
  if (delayMs > 0) await pause(delayMs, undefined, { signal });
  signal.throwIfAborted();
  if (answer.kind === 'stream') {
    const headers = { 'content-type': 'text/event-stream; charset=utf-8' };
    return { status: 200, headers, body: Readable.from(played(answer, signal), BYTES) };
  }
  if (ending === 'hang') await forever(signal);
  const { status, headers, body } = answer.answer;
  if (ending === 'break') return { status, headers, body: Readable.from(broken(), BYTES) };
  return { status, headers, body: Readable.from([Buffer.from(body)], BYTES) };
}

const BYTES = { objectMode: false };

async function* played(
  { frames, pace }: Extract<DemoAnswer, { kind: 'stream' }>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let begun = false;
  for (const { text, delta } of frames) {
    if (delta && begun && pace.gapMs > 0) await pause(pace.gapMs, undefined, { signal });
    if (signal.aborted) throw signal.reason;
    begun ||= delta;
    yield Buffer.from(text);
  }
  if (pace.ending === 'hang') await forever(signal);
  if (pace.ending === 'break') yield* broken();
}

// biome-ignore lint/correctness/useYield: a stream that breaks before its first byte.
async function* broken(): AsyncGenerator<Buffer> {
  throw new Error('the connection was cut');
}

/** Settles, by rejecting, only when the signal aborts. */
function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
