import type { IncomingMessage } from 'node:http';
import { GatheredBytes } from '@karta/protocol';
import { CHANNEL_BODY_BYTES, REQUEST_BODY_BYTES } from '../limits.ts';
import type { OrgBodies } from './process-bodies.ts';

/** Request bodies that a channel holds in memory. */
export interface BodyBudget {
  bytes: number;
}

export type ReadBody =
  | { body: Buffer }
  | { refusal: 'too_large' | 'rate_limited' | 'overloaded' }
  /** The client went away before its request was whole. */
  | { gone: true };

/**
 * Reads a request body within its own limit, the channel's and its org's share of the process's. The bytes stay booked
 * on both budgets until the caller gives them back.
 */
export function readBody(
  request: IncomingMessage,
  budget: BodyBudget,
  all: OrgBodies,
): Promise<ReadBody> {
  if (Number(request.headers['content-length'] ?? 0) > REQUEST_BODY_BYTES) {
    return Promise.resolve({ refusal: 'too_large' });
  }
  return new Promise((resolve) => {
    const gathered = new GatheredBytes();
    let size = 0;
    const settle = (result: ReadBody) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      if (!('body' in result)) {
        budget.bytes -= size;
        all.release(size);
      }
      resolve(result);
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      budget.bytes += chunk.length;
      const within = all.hold(chunk.length);
      gathered.push(chunk);
      if (size > REQUEST_BODY_BYTES) settle({ refusal: 'too_large' });
      else if (budget.bytes > CHANNEL_BODY_BYTES) settle({ refusal: 'rate_limited' });
      else if (!within) settle({ refusal: 'overloaded' });
    };
    const onEnd = () => settle({ body: Buffer.from(gathered.take()) });
    const onClose = () => settle({ gone: true });
    request.on('data', onData).on('end', onEnd).on('close', onClose);
    request.on('error', () => {
      // 'close' follows and settles.
    });
  });
}
