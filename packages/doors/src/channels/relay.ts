import type { ServerResponse } from 'node:http';
import type { ModelReply } from '../upstreams/port.ts';
import { relayWhole } from './relay-whole.ts';
import { StreamRelay } from './stream-relay.ts';

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
 * Passes an answer on as it comes, each chunk at once but the last, which goes with the end, and one
 * that came as a whole as a whole; a slow reader slows the provider. Resolves with how it ended: `complete`, `cut` by the provider (the client sees its connection cut), `gone`
 * when the client went away, or `turned_away`: the client has been told nothing.
 */
export function relay(
  reply: ModelReply,
  response: ServerResponse,
  options: RelayOptions,
): Promise<Relayed> {
  if (isStream(reply)) return StreamRelay.relayed(reply, response, options);
  const { status, headers, whole = null } = reply;
  if (whole === null) return relaySlow(reply, response, options);
  return relayWhole({ status, headers, whole }, response, options);
}

/** An answer in one piece that has not come as one, and may be long in coming. */
function relaySlow(
  { status, headers, body }: ModelReply,
  response: ServerResponse,
  { onChunk, beforeEnd }: RelayOptions,
): Promise<Relayed> {
  /** What came with its head. `null`: it has gone on. */
  let held: Buffer[] | null = [];
  let over = false;
  const release = () => {
    // Its end is there too: all of it goes on in one write.
    if (over || response.destroyed) return;
    response.writeHead(status, headers).flushHeaders();
    for (const chunk of held ?? []) response.write(chunk);
    held = null;
  };
  setImmediate(release);
  return new Promise((resolve) => {
    const onDrain = () => body.resume();
    const settle = (ending: Relayed) => {
      response.off('drain', onDrain).off('close', onClose);
      resolve(ending);
    };
    const onClose = () => {
      body.destroy();
      settle('gone');
    };
    response.on('drain', onDrain).on('close', onClose);
    const onData = (chunk: Buffer) => {
      onChunk(chunk);
      if (held !== null) held.push(chunk);
      else if (!response.write(chunk)) body.pause();
    };
    const complete = () => {
      response.off('close', onClose);
      if (held === null) response.end();
      else {
        const whole = Buffer.concat(held);
        response.writeHead(status, { ...headers, 'content-length': whole.length }).end(whole);
      }
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
