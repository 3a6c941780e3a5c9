import type { ServerResponse } from 'node:http';
import { FIRST_EVENT_MS } from '../limits.ts';
import type { ModelReply } from '../upstreams/port.ts';
import { UsageChunkFilter } from '../wire/usage-chunk-filter.ts';
import { relayWhole } from './relay-whole.ts';

export interface RelayOptions {
  /** Sees every byte. */
  onChunk(chunk: Buffer): void;
  /**
   * Looks at the first bytes of a stream before anything is passed on, its head included, where they
   * come soon. `true`: nothing shall be.
   */
  turnsAway?(first: Buffer): boolean;
  /** Take the usage chunk out of a Chat Completions stream. */
  hideUsage: boolean;
  /** Awaited before the client is told that the answer is complete. When it fails, it is cut. */
  beforeEnd?(): Promise<void>;
}

/** How an answer ended. */
export type Relayed = 'complete' | 'cut' | 'gone' | 'turned_away';

/**
 * Passes an answer on as it comes, each chunk at once, and one that came as a whole as a whole; a slow
 * reader slows the provider. Resolves
 * with how it ended: `complete`, `cut` by the provider (the client sees its connection cut), `gone`
 * when the client went away, or `turned_away`: the client has been told nothing.
 */
export function relay(
  reply: ModelReply,
  response: ServerResponse,
  options: RelayOptions,
): Promise<Relayed> {
  const { whole = null } = reply;
  if (whole === null || isStream(reply)) return relayStream(reply, response, options);
  const { status, headers } = reply;
  return relayWhole({ status, headers, whole }, response, options);
}

function relayStream(
  reply: ModelReply,
  response: ServerResponse,
  { onChunk, hideUsage, beforeEnd, turnsAway }: RelayOptions,
): Promise<Relayed> {
  const { body } = reply;
  const filter = hideUsage && isStream(reply) ? new UsageChunkFilter() : null;
  let judge = isStream(reply) ? turnsAway : undefined;
  const sendHead = () => {
    judge = undefined;
    if (!response.headersSent) response.writeHead(reply.status, reply.headers);
  };
  const flushHead = () => {
    sendHead();
    response.flushHeaders();
  };
  /** Of an answer in one piece: what came with its head. `null`: they have gone on. */
  let held: Buffer[] | null = isStream(reply) ? null : [];
  let over = false;
  const release = () => {
    // Its end is there too: all of it goes on in one write.
    if (over || response.destroyed) return;
    flushHead();
    for (const chunk of held ?? []) response.write(chunk);
    held = null;
  };
  if (judge === undefined) {
    if (held === null) sendHead();
    // The head often comes with the first bytes: then both go on together. If not, it goes alone.
    setImmediate(release);
  }
  const waiting = judge === undefined ? undefined : setTimeout(flushHead, FIRST_EVENT_MS);
  return new Promise((resolve) => {
    const onDrain = () => body.resume();
    const settle = (ending: Relayed) => {
      clearTimeout(waiting);
      response.off('drain', onDrain).off('close', onClose);
      resolve(ending);
    };
    const onClose = () => {
      body.destroy();
      settle('gone');
    };
    response.on('drain', onDrain).on('close', onClose);
    const turnAway = (first: Buffer) => {
      body.off('data', onData).off('end', onEnd).off('error', cut);
      // What it says from now on nobody hears.
      body.on('error', () => {}).destroy();
      onChunk(first);
      settle('turned_away');
    };
    const onData = (chunk: Buffer) => {
      if (judge?.(chunk) === true) return turnAway(chunk);
      if (judge !== undefined) sendHead();
      onChunk(chunk);
      if (held !== null) return void held.push(chunk);
      const passed = filter === null ? chunk : filter.push(chunk);
      if (passed.length > 0 && !response.write(passed)) body.pause();
    };
    const complete = () => {
      const whole = held?.length ? Buffer.concat(held) : undefined;
      if (whole !== undefined) {
        response.writeHead(reply.status, { ...reply.headers, 'content-length': whole.length });
      } else sendHead();
      response.off('close', onClose);
      response.end(whole ?? filter?.flush());
      settle('complete');
    };
    const cut = () => {
      if (response.destroyed) return;
      response.off('close', onClose);
      response.destroy();
      settle('cut');
    };
    const onEnd = () => {
      over = true;
      if (beforeEnd === undefined) complete();
      else beforeEnd().then(complete, cut);
    };
    body.on('data', onData).on('end', onEnd).on('error', cut);
    // It broke off before anybody read it: nothing more is heard of it.
    if (body.errored !== null) cut();
  });
}

function isStream({ headers }: ModelReply): boolean {
  return headers['content-type']?.startsWith('text/event-stream') ?? false;
}
