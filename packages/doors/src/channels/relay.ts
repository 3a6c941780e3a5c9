import type { ServerResponse } from 'node:http';
import type { ModelReply } from '../upstreams/port.ts';
import { UsageChunkFilter } from '../wire/usage-chunk-filter.ts';

export interface RelayOptions {
  /** Sees every byte, after it was passed on. */
  onChunk(chunk: Buffer): void;
  /** Take the usage chunk out of a Chat Completions stream. */
  hideUsage: boolean;
  /** Awaited before the client is told that the answer is complete. When it fails, it is cut. */
  beforeEnd?(): Promise<void>;
}

/**
 * Passes an answer on as it comes, each chunk at once; a slow reader slows the provider. Resolves
 * with how it ended: `complete`, `cut` by the provider (the client sees its connection cut), or
 * `gone` when the client went away.
 */
export function relay(
  reply: ModelReply,
  response: ServerResponse,
  { onChunk, hideUsage, beforeEnd }: RelayOptions,
): Promise<'complete' | 'cut' | 'gone'> {
  const { body } = reply;
  const filter = hideUsage && isStream(reply) ? new UsageChunkFilter() : null;
  response.writeHead(reply.status, reply.headers);
  // The head often comes with the first bytes: then both go on together. If not, it goes alone.
  setImmediate(() => response.flushHeaders());
  return new Promise((resolve) => {
    const onDrain = () => body.resume();
    const settle = (ending: 'complete' | 'cut' | 'gone') => {
      response.off('drain', onDrain).off('close', onClose);
      resolve(ending);
    };
    const onClose = () => {
      body.destroy();
      settle('gone');
    };
    response.on('drain', onDrain).on('close', onClose);
    body.on('data', (chunk: Buffer) => {
      const passed = filter === null ? chunk : filter.push(chunk);
      if (passed.length > 0 && !response.write(passed)) body.pause();
      onChunk(chunk);
    });
    const complete = () => {
      response.off('close', onClose);
      response.end(filter?.flush());
      settle('complete');
    };
    const cut = () => {
      if (response.destroyed) return;
      response.off('close', onClose);
      response.destroy();
      settle('cut');
    };
    body.on('end', () => {
      if (beforeEnd === undefined) complete();
      else beforeEnd().then(complete, cut);
    });
    body.on('error', cut);
  });
}

function isStream({ headers }: ModelReply): boolean {
  return headers['content-type']?.startsWith('text/event-stream') ?? false;
}
